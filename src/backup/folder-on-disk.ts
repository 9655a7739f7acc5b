import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BlobMissing } from '#storage';
import { PlaceUnreadable } from './errors.js';
import type { HeadPiece } from './head.js';
import type { BlobPlace, PlaceEntry } from './look-through.js';

const STEP = 256 * 1024;

/**
 * A folder of this machine with all below it: a local vault, a disk that was carried here, what somebody has downloaded from
 * a drive. Files may have lost their names on the way: then a piece is known by its length and its digest.
 */
export class FolderOnDisk implements BlobPlace {
  private paths = new Map<string, string>();

  constructor(readonly where: string) {}

  async *entries(): AsyncGenerator<PlaceEntry> {
    for await (const path of filesBelow(this.where)) {
      const { size } = await stat(path);
      yield { name: basename(path), length: size, read: () => createReadStream(path, { highWaterMark: STEP }) };
    }
  }

  async find(pieces: readonly HeadPiece[]): Promise<void> {
    this.paths = new Map();
    const names = new Set(pieces.map(({ name }) => name));
    for await (const path of filesBelow(this.where))
      if (names.has(basename(path))) this.paths.set(basename(path), path);
    const nameless = pieces.filter(({ name }) => !this.paths.has(name));
    if (nameless.length > 0) await this.findByDigest(nameless);
  }

  async *read({ name }: HeadPiece): AsyncGenerator<Buffer> {
    const path = this.paths.get(name);
    if (path === undefined) throw new BlobMissing();
    yield* createReadStream(path, { highWaterMark: STEP }) as AsyncIterable<Buffer>;
  }

  private async findByDigest(pieces: readonly HeadPiece[]): Promise<void> {
    const lengths = new Set(pieces.map(({ bytes }) => bytes));
    const names = new Map(pieces.map(({ digest, name }) => [digest, name]));
    for await (const path of filesBelow(this.where)) {
      if (names.size === 0) return;
      if (!lengths.has((await stat(path)).size)) continue;
      const digest = await sha256Of(path);
      const name = names.get(digest);
      if (name !== undefined) this.paths.set(name, path);
      names.delete(digest);
    }
  }
}

/** Links are not followed: they may lead anywhere. */
async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new PlaceUnreadable(folder, error.code);
  });
  for await (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: STEP })) hash.update(piece as Buffer);
  return hash.digest('hex');
}
