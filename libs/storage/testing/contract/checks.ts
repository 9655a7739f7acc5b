import assert from 'node:assert/strict';
import { BlobMissing } from '../../errors.js';
import type { BlobBody, BlobName, StorageProvider } from '../../provider.js';
import { bodyOf, listAll, readAll } from '../bytes.js';

export const KiB = 1024;
export const MiB = 1024 * KiB;

export async function store(provider: StorageProvider, bytes: Buffer): Promise<BlobName> {
  const name = await provider.nameBlob();
  await provider.put(name, bodyOf(bytes));
  return name;
}

export async function holds(provider: StorageProvider, name: BlobName, bytes: Buffer): Promise<void> {
  assert.equal((await provider.stat(name))?.length, bytes.length, 'stat tells another length');
  const read = await readAll(provider, name, { offset: 0, length: bytes.length });
  assert.ok(read.equals(bytes), 'other bytes came back');
}

export async function absent(provider: StorageProvider, name: BlobName): Promise<void> {
  assert.equal(await provider.stat(name), null, 'stat finds it');
  await assert.rejects(readAll(provider, name, { offset: 0, length: 1 }), BlobMissing);
  assert.deepEqual(await listAll(provider), [], 'the listing shows something');
}

/** Nothing at all, or (left by an earlier try, of a wrapper that retries) the whole blob and nothing beside it. */
export async function absentOrWhole(provider: StorageProvider, name: BlobName, bytes: Buffer): Promise<void> {
  if (!(await provider.stat(name))) return absent(provider, name);
  await holds(provider, name, bytes);
  assert.deepEqual(
    (await listAll(provider)).map((entry) => entry.name),
    [name],
    'the listing shows something else',
  );
}

/** A body that runs `meanwhile` when half of it has been asked for. */
export function interrupted(bytes: Buffer, meanwhile: () => Promise<void>): BlobBody {
  return {
    length: bytes.length,
    async *pieces() {
      const pieces = [...bodyOf(bytes, 64 * KiB).pieces()];
      yield* pieces.slice(0, pieces.length / 2);
      await meanwhile();
      yield* pieces.slice(pieces.length / 2);
    },
  };
}
