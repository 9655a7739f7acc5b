import type { Allowance } from '#chunks';

/** Never leaves the readers of shards: they go on without the shard, or throw the cause. */
export class ShardFailed extends Error {}

export type Step = { readonly way: Way } & (
  { readonly result: IteratorResult<Buffer, unknown> } | { readonly error: unknown }
);

/** One way to have the bytes of a part: a shard itself, or others that they are decoded from. */
export class Way {
  private readonly stopping = new AbortController();
  private readonly due = new Map<number, number>();
  private readonly heard = new Set<number>();
  private readonly pieces: AsyncGenerator<Buffer>;
  private step: Promise<Step> | null = null;
  private failure: unknown;

  /** `held`: what it may have in hand beside what is granted for the first way. */
  constructor(
    pieces: (way: Way) => AsyncGenerator<Buffer>,
    readonly held: Allowance | null = null,
  ) {
    this.pieces = pieces(this);
  }

  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** A shard is asked for bytes, and late when none came until then. */
  expect(shard: number, due: number): void {
    this.due.set(shard, due);
  }

  answered(shard: number): void {
    this.due.delete(shard);
    this.heard.add(shard);
  }

  /** Whether it has answered all that it was asked so far. */
  hasAnswered(shard: number): boolean {
    return this.heard.has(shard) && !this.due.has(shard);
  }

  awaits(shard: number): boolean {
    return this.due.has(shard);
  }

  /** When the next of its shards is late. */
  get nextDue(): number {
    let next = Infinity;
    for (const due of this.due.values()) next = Math.min(next, due);
    return next;
  }

  lateAt(now: number): number[] {
    return [...this.due].filter(([, due]) => due <= now).map(([shard]) => shard);
  }

  /** The others of its shards are of no use any more. Everything that it throws from now on has this cause. */
  fail(failure: unknown): ShardFailed {
    if (!this.signal.aborted) this.failure = failure;
    this.stopping.abort();
    return new ShardFailed('a shard could not be read', { cause: this.failure });
  }

  /** The same promise until it was taken. */
  next(): Promise<Step> {
    return (this.step ??= this.pieces.next().then(
      (result) => ({ way: this, result }),
      (error: unknown) => ({ way: this, error }),
    ));
  }

  taken(): void {
    this.step = null;
  }

  /** Its bytes where there is no other way: whoever takes them waits as long as it takes. */
  alone(): AsyncGenerator<Buffer> {
    return this.pieces;
  }

  /** Nobody wants its bytes. Resolves when it has let go of everything, which a place that hangs may put off. */
  async abandon(): Promise<void> {
    this.stopping.abort();
    await this.pieces.return(undefined).catch(() => {});
  }

  /** Closes what was read from, when it is not being waited for. */
  async end(): Promise<void> {
    await this.pieces.return(undefined);
  }
}
