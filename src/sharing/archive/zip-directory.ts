import type { Allowance, ByteBudget } from '#chunks';
import { ArchivesFull } from '../faults.js';

const BLOCK = 64 * 1024;

/**
 * The directory that an archive ends with: about a hundred bytes for each entry, and all that is held of an entry once it was
 * sent. It is taken from a budget that all archives share, a block at a time and never waited for: archives that all hold a
 * part and wait for more would wait for ever.
 */
export class ZipDirectory implements Disposable {
  entries = 0;
  size = 0;
  readonly #blocks: { bytes: Buffer; used: number; allowance: Allowance }[] = [];

  constructor(private readonly budget: ByteBudget) {}

  /** Throws ArchivesFull. */
  add(record: Buffer): void {
    for (let at = 0; at < record.length;) {
      const block = this.#open();
      const copied = record.copy(block.bytes, block.used, at);
      block.used += copied;
      at += copied;
    }
    this.entries += 1;
    this.size += record.length;
  }

  *blocks(): Generator<Buffer> {
    for (const { bytes, used } of this.#blocks) yield bytes.subarray(0, used);
  }

  [Symbol.dispose](): void {
    for (const { allowance } of this.#blocks.splice(0)) allowance.release();
  }

  #open(): { bytes: Buffer; used: number } {
    const last = this.#blocks.at(-1);
    if (last && last.used < BLOCK) return last;
    const allowance = this.budget.tryTake(BLOCK);
    if (!allowance) throw new ArchivesFull();
    const block = { bytes: Buffer.allocUnsafeSlow(BLOCK), used: 0, allowance };
    this.#blocks.push(block);
    return block;
  }
}
