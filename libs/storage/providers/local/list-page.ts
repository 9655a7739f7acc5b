import { join } from 'node:path';
import { isBlobName } from '../../blob-name.js';
import type { BlobListing, ListedBlob } from '../../provider.js';
import { unless } from './disk-faults.js';
import type { Disk } from './disk.js';
import { isShelfName, type Layout, markerName, stagingName } from './layout.js';

/** A page ends with the shelf that fills it. */
const pageLength = 1000;
/** Enough to keep a disk busy, few enough to leave threads for others. */
const looksAtOnce = 4;

/** The cursor is the last shelf that was given: shelves that come or go in between disturb nothing. */
export async function listPage(
  disk: Disk,
  layout: Layout,
  cursor: string | undefined,
  signal?: AbortSignal,
): Promise<BlobListing> {
  const names = (await disk.readdir(layout.folder)).sort();
  const shelves = names.filter(isShelfName).filter((shelf) => cursor === undefined || shelf > cursor);
  const entries: ListedBlob[] = [];
  if (cursor === undefined) {
    const strangers = names.filter((name) => !isShelfName(name) && name !== markerName && name !== stagingName);
    entries.push(...(await look(disk, layout.folder, strangers, (name) => ({ name, blob: false }))));
  }
  for (const [index, shelf] of shelves.entries()) {
    signal?.throwIfAborted();
    entries.push(...(await listShelf(disk, layout, shelf)));
    if (entries.length >= pageLength && index + 1 < shelves.length) return { entries, nextCursor: shelf };
  }
  return { entries };
}

async function listShelf(disk: Disk, layout: Layout, shelf: string): Promise<ListedBlob[]> {
  const path = layout.shelf(shelf);
  if (!(await disk.lstat(path)).isDirectory())
    return look(disk, layout.folder, [shelf], (name) => ({ name, blob: false }));
  const names = await unless(['ENOENT'], disk.readdir(path), []);
  return look(disk, path, names, (name) =>
    isBlobName(name) && name.startsWith(shelf) ? { name, blob: true } : { name: `${shelf}/${name}`, blob: false },
  );
}

async function look(
  disk: Disk,
  folder: string,
  names: readonly string[],
  named: (name: string) => { name: string; blob: boolean },
): Promise<ListedBlob[]> {
  const entries: ListedBlob[] = [];
  for (let at = 0; at < names.length; at += looksAtOnce) {
    const few = names.slice(at, at + looksAtOnce);
    const found = await Promise.all(few.map((name) => unless(['ENOENT'], disk.lstat(join(folder, name)), null)));
    for (const [index, stat] of found.entries()) {
      // Deleted since the folder was read.
      if (!stat) continue;
      const { name, blob } = named(few[index]!);
      const whole = stat.isFile();
      entries.push({ name, length: whole ? stat.size : 0, checksum: null, foreign: !(blob && whole) });
    }
  }
  return entries;
}
