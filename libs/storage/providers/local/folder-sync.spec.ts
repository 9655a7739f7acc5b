import { describe, expect, it } from 'vitest';
import type { Disk } from './disk.js';
import { FolderSync } from './folder-sync.js';

interface Flush {
  readonly folder: string;
  end(error?: Error): void;
}

/** A disk on which a flush lasts until the test ends it. */
function slowDisk() {
  const flushes: Flush[] = [];
  const open = async (folder: string) => ({
    sync: () =>
      new Promise<void>((resolve, reject) => {
        flushes.push({ folder, end: (error) => (error ? reject(error) : resolve()) });
      }),
    close: async () => undefined,
  });
  return { flushes, folders: new FolderSync({ open } as unknown as Disk) };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe('Flushing a folder', () => {
  it('serves nobody with a flush that had begun before they asked', async () => {
    const { flushes, folders } = slowDisk();
    const first = folders.sync('/a');
    await settled();
    let served = false;
    const second = folders.sync('/a').then(() => {
      served = true;
    });
    flushes[0]!.end();
    await first;
    await settled();
    expect(served).toBe(false);
    expect(flushes).toHaveLength(2);
    flushes[1]!.end();
    await second;
  });

  it('serves all who wait with one flush', async () => {
    const { flushes, folders } = slowDisk();
    const first = folders.sync('/a');
    await settled();
    const waiting = Array.from({ length: 50 }, () => folders.sync('/a'));
    flushes[0]!.end();
    await first;
    await settled();
    flushes[1]!.end();
    await Promise.all(waiting);
    expect(flushes).toHaveLength(2);
  });

  it('lets those who come during the second flush wait for a third', async () => {
    const { flushes, folders } = slowDisk();
    const all = [folders.sync('/a')];
    await settled();
    all.push(folders.sync('/a'));
    flushes[0]!.end();
    await settled();
    all.push(folders.sync('/a'), folders.sync('/a'));
    expect(flushes).toHaveLength(2);
    flushes[1]!.end();
    await settled();
    expect(flushes).toHaveLength(3);
    flushes[2]!.end();
    await Promise.all(all);
  });

  it('flushes two folders beside each other', async () => {
    const { flushes, folders } = slowDisk();
    const both = [folders.sync('/a'), folders.sync('/b')];
    await settled();
    expect(flushes.map(({ folder }) => folder)).toEqual(['/a', '/b']);
    for (const flush of flushes) flush.end();
    await Promise.all(both);
  });

  it('tells a failure to those whom that flush would have served, and to nobody else', async () => {
    const { flushes, folders } = slowDisk();
    const first = folders.sync('/a');
    await settled();
    const second = folders.sync('/a');
    flushes[0]!.end(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    await settled();
    flushes[1]!.end();
    await second;
    const third = folders.sync('/a');
    await settled();
    flushes[2]!.end();
    await third;
  });
});
