import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import { ConnectionFull } from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import type { BlobName } from '../../provider.js';
import { bodyOf, listAll, readAll, someBytes } from '../../testing/index.js';
import type { Disk } from './disk.js';
import { openLocalVault } from './local-vault.js';
import { diskError, watchedDisk } from './testing/watched-disk.js';

const room = 4 * 1024 * 1024;
let path: string;
let mounted: boolean;

/** A file system of 4 MiB of its own, where this user may mount one. */
beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'small-disk-'));
  const options = ['-t', 'tmpfs', '-o', `size=${room},mode=700`, 'tmpfs', path];
  mounted = process.platform === 'linux' && spawnSync('mount', options).status === 0;
});
afterAll(async () => {
  if (mounted) execFileSync('umount', [path]);
  await rm(path, { recursive: true });
});

/** Where this user may not: a disk that counts what it holds, and refuses as the system would. */
function countingDisk(): Disk {
  const sizes = new Map<string, number>();
  return watchedDisk(async (call, run) => {
    if (call.name === 'file.writev') {
      const length = (call.args[0] as Buffer[]).reduce((sum, piece) => sum + piece.length, 0);
      const used = [...sizes.values()].reduce((sum, size) => sum + size, 0);
      if (used + length > room) throw diskError('ENOSPC');
      sizes.set(call.path, (sizes.get(call.path) ?? 0) + length);
    }
    const result = await run();
    const size = sizes.get(call.path);
    if (call.name === 'link' && size !== undefined) {
      sizes.set(String(call.args[1]), size);
      sizes.delete(call.path);
    }
    if (call.name === 'unlink') sizes.delete(call.path);
    return result;
  });
}

describe('A local vault on a full disk', () => {
  it('says so, keeps every blob that it holds, and goes on when there is room again', async () => {
    const folder = newFolderName();
    const vault = await openLocalVault({ path, folder, instance: 'one', disk: mounted ? undefined : countingDisk() });
    await vault.writeMarker(Buffer.from('marker'));
    const kept = new Map<BlobName, Buffer>();
    const fill = async (length: number): Promise<BlobName> => {
      for (let count = 0; ; count += 1) {
        const name = newBlobName();
        const bytes = someBytes(length, `${length}/${count}`);
        const error = await vault.put(name, bodyOf(bytes)).then(
          () => null,
          (fault: unknown) => fault,
        );
        if (!error) {
          kept.set(name, bytes);
          expect(count).toBeLessThan(2000);
          continue;
        }
        expect(error).toBeInstanceOf(ConnectionFull);
        expect(error).toMatchObject({ retriable: false });
        expect(await vault.stat(name)).toBeNull();
        expect(await readdir(join(path, folder, 'staging', 'one'))).toEqual([]);
        return name;
      }
    };
    await fill(700_000);
    const refused = await fill(4096);
    if (mounted) await expect(vault.space()).resolves.toMatchObject({ free: expect.toSatisfy((free) => free < 8192) });
    await expect(vault.writeMarker(someBytes(20_000))).rejects.toThrow(ConnectionFull);
    expect(await vault.readMarker()).toEqual(Buffer.from('marker'));

    const entries = await listAll(vault);
    expect(entries.map(({ name }) => name).sort()).toEqual([...kept.keys()].sort());
    for (const [name, bytes] of kept) {
      expect((await readAll(vault, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
    }

    await vault.delete(kept.keys().next().value!);
    await vault.put(refused, bodyOf(someBytes(300_000)));
    await vault.writeMarker(Buffer.from('another marker'));
    expect((await vault.stat(refused))?.length).toBe(300_000);
  });
});
