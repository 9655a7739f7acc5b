interface Entry<V> {
  readonly value: Promise<V | null>;
  readonly until: number;
}

/** How long another gateway's revocation may go unnoticed here. */
const LIFE_MS = 1000;
const MOST_ENTRIES = 10_000;

/**
 * Remembers answers for a second, counted from the question, and asks once for many who want the same. `clear` makes this
 * process ask anew at once: an answer whose question was on its way by then is not kept. Absence is never remembered.
 */
export class BriefCache<V> {
  #entries = new Map<string, Entry<V>>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  get(key: string, load: () => Promise<V | null>): Promise<V | null> {
    const known = this.#entries.get(key);
    if (known !== undefined && known.until > this.now()) return known.value;
    if (this.#entries.size >= MOST_ENTRIES) this.clear();
    const entry: Entry<V> = { value: load(), until: this.now() + LIFE_MS };
    this.#entries.set(key, entry);
    const forget = () => void (this.#entries.get(key) === entry && this.#entries.delete(key));
    entry.value.then((value) => value === null && forget(), forget);
    return entry.value;
  }

  clear(): void {
    this.#entries.clear();
  }
}
