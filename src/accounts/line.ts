/** Lets those with the same key through one after another, and turns away who would wait behind too many. */
export class Line {
  readonly #ends = new Map<string, { length: number; last: Promise<void> }>();

  constructor(
    private readonly longest: number,
    private readonly refusal: () => Error,
  ) {}

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#ends.get(key) ?? { length: 0, last: Promise.resolve() };
    if (line.length >= this.longest) throw this.refusal();
    this.#ends.set(key, line);
    line.length += 1;
    const before = line.last;
    const { promise, resolve } = Promise.withResolvers<void>();
    line.last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
      line.length -= 1;
      if (line.length === 0) this.#ends.delete(key);
    }
  }
}
