import { rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk } from '../disk.js';
import { watchedDisk } from './watched-disk.js';

/** What a power cut does to that which was never flushed. Real disks do anything in between. */
export type Unflushed = 'all of it is lost' | 'names are kept, contents are lost';

interface Named {
  readonly path: string;
}

/**
 * A disk whose power can be cut at any call: from then on every call fails, and `aftermath` leaves
 * on the real disk only what had been flushed: the contents of a file by its own sync, its name by a
 * sync of the folder that began when the name was there.
 */
export class PowerCut {
  calls = 0;
  private off = false;
  /** Entries of folders that no flush has covered yet. */
  private names: Named[] = [];
  /** Every path that was ever given to a file, with the path that it was made under. */
  private readonly files = new Map<string, string>();
  private readonly dirty = new Set<string>();
  readonly disk: Disk;

  constructor(private readonly cutBefore: number) {
    this.disk = watchedDisk(async (call, run) => {
      this.calls += 1;
      if (this.calls >= this.cutBefore) this.off = true;
      // Open files of this process are let go of, whatever the disk does.
      if (this.off && call.name !== 'file.close') throw new Error('the power is off');
      return this.noted(call.name, call.args, call.path, run);
    });
  }

  async aftermath(unflushed: Unflushed): Promise<void> {
    this.off = true;
    for (const [path, file] of this.files) {
      if (this.dirty.has(file)) await halve(path);
    }
    if (unflushed === 'names are kept, contents are lost') return;
    for (const { path } of this.names.toReversed()) await rm(path, { recursive: true, force: true });
  }

  private async noted(name: string, args: readonly unknown[], path: string, run: () => Promise<unknown>) {
    const covered = new Set(this.names.filter((named) => dirname(named.path) === path));
    const result = await run();
    const [from = '', to = ''] = args.map(String);
    if (name === 'open' && args.length > 2) this.named(path, path);
    if (name === 'mkdir') this.names.push({ path });
    if (name === 'file.writev') this.dirty.add(path);
    if (name === 'file.sync') this.flushed(path, covered);
    if (name === 'link' || name === 'rename') this.named(to, this.files.get(from) ?? from);
    if (name === 'unlink' || name === 'rename') this.names = this.names.filter((named) => named.path !== from);
    return result;
  }

  private named(path: string, file: string): void {
    this.names.push({ path });
    this.files.set(path, file);
  }

  private flushed(path: string, covered: ReadonlySet<Named>): void {
    this.dirty.delete(path);
    this.names = this.names.filter((named) => !covered.has(named));
  }
}

/** Of what was never flushed, some part may have reached the disk. */
async function halve(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found) await truncate(path, Math.floor(found.size / 2));
}
