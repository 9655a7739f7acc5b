import type { LostShard } from './lost.store.js';
import type { Moved } from './moved.js';

/** What one run of repair has done so far, and what it left. */
export class RepairTally {
  total = 0;
  /** What is still to be done when the run has ended. */
  left = 0;
  healed = 0;
  healedBytes = 0;
  read = 0;
  written = 0;
  private why: string | null = null;
  private readonly inVain = new Map<string, number>();
  /** What is not tried again in this run. */
  readonly setAside: { readonly blobs: string[]; readonly accounts: string[] } = { blobs: [], accounts: [] };

  /** How many were tried in vain. */
  waiting = 0;

  add(lost: LostShard, { outcome, read, written, fault, length }: Moved, mostInVain: number): void {
    this.read += read;
    this.written += written;
    if (outcome === 'moved') {
      this.healed += 1;
      this.healedBytes += length;
      this.inVain.delete(lost.account);
    }
    if (outcome === 'moved') return;
    this.setAside.blobs.push(lost.blob);
    if (outcome === 'gone') return;
    this.waiting += 1;
    this.why = fault?.message ?? this.why;
    if (outcome === 'busy') return;
    const times = (this.inVain.get(lost.account) ?? 0) + 1;
    this.inVain.set(lost.account, times);
    if (times === mostInVain) this.setAside.accounts.push(lost.account);
  }

  /** For people: how far it is, what it cost, what it waits for. */
  words(): string {
    const { healed, healedBytes, read, written } = this;
    const waiting = Math.max(this.left, this.waiting);
    const cost =
      healedBytes === 0
        ? ''
        : ` ${mebibytes(healedBytes)} MiB, for which ${mebibytes(read)} were read and ${mebibytes(written)} written.`;
    const left = waiting === 0 ? '' : ` ${waiting} wait: ${this.why ?? 'somebody else moves them.'}`;
    return `${healed} shards made anew.${cost}${left}`;
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
