import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import {
  AccessRefused,
  BlobMismatch,
  BlobMissing,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  FolderInUse,
  SettingRefused,
} from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import type { BlobName } from '../../provider.js';
import { bodyOf, describeProvider, listAll, readAll, someBytes } from '../../testing/index.js';
import { deviceOf } from './device.js';
import type { Disk } from './disk.js';
import { type LocalVault, openLocalVault } from './local-vault.js';
import { diskError, watchedDisk } from './testing/watched-disk.js';

const bytes = someBytes(100_000);
let path: string;
let folder: string;
let vault: LocalVault;

function open(instance: string, disk?: Disk): Promise<LocalVault> {
  return openLocalVault({ path, folder, instance, disk });
}

function inside(...names: string[]): string {
  return join(path, folder, ...names);
}

function placeOf(name: BlobName): string {
  return inside(name.slice(0, 2), name);
}

async function stored(): Promise<BlobName> {
  const name = newBlobName();
  await vault.put(name, bodyOf(bytes));
  return name;
}

function read(name: BlobName, length = bytes.length): Promise<Buffer> {
  return readAll(vault, name, { offset: 0, length });
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'vault-'));
  folder = newFolderName();
  vault = await open('one');
  await vault.writeMarker(Buffer.from('marker'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

/** Vaults on lesser file systems keep the contract as well. */
const lesserDisks: [what: string, disk: Disk][] = [
  ['without hard links', watchedDisk(async ({ name }, run) => (name === 'link' ? fail('EPERM', 'link') : run()))],
  [
    'that cannot flush folders',
    watchedDisk(async ({ name, path: where }, run) =>
      name === 'file.sync' && (await lstat(where)).isDirectory() ? fail('EINVAL', 'fsync') : run(),
    ),
  ],
];

function fail(code: string, syscall?: string): never {
  throw diskError(code, syscall);
}

for (const [what, disk] of lesserDisks) {
  describeProvider(`A local vault on a disk ${what}`, async () => {
    const place = await mkdtemp(join(tmpdir(), 'vault-'));
    const provider = await openLocalVault({ path: place, folder: newFolderName(), instance: 'one', disk });
    await provider.writeMarker(Buffer.from('marker'));
    return { provider, dispose: () => rm(place, { recursive: true }) };
  });
}

describe('Opening a local vault', () => {
  it('wants an absolute path', async () => {
    await expect(openLocalVault({ path: 'vault', folder, instance: 'one' })).rejects.toThrow(SettingRefused);
  });

  it('wants a folder, not a file', async () => {
    await writeFile(join(path, 'file'), '');
    await expect(openLocalVault({ path: join(path, 'file'), folder, instance: 'one' })).rejects.toThrow(SettingRefused);
  });

  it('takes a path that is not there for a disk that is away', async () => {
    const opening = openLocalVault({ path: join(path, 'nowhere'), folder, instance: 'one' });
    await expect(opening).rejects.toThrow(ConnectionAway);
    await expect(opening).rejects.toMatchObject({ retriable: true });
  });

  it.each(['', '..', 'vault', '../../0123456789abcdef0123456789abcdef'])(
    'refuses the folder name “%s”',
    async (odd) => {
      await expect(openLocalVault({ path, folder: odd, instance: 'one' })).rejects.toThrow(RangeError);
    },
  );

  it.each(['', '..', 'a/b', 'UPPER'])('refuses the instance “%s”', async (odd) => {
    await expect(open(odd)).rejects.toThrow(RangeError);
  });

  it('makes nothing by itself', async () => {
    const other = newFolderName();
    await openLocalVault({ path, folder: other, instance: 'one' });
    expect(existsSync(join(path, other))).toBe(false);
  });
});

describe('The folder of a local vault', () => {
  it('lets nobody else in', async () => {
    const name = await stored();
    const modes = await Promise.all(
      [inside(), inside('staging'), inside(name.slice(0, 2)), inside('marker'), placeOf(name)].map(
        async (where) => (await lstat(where)).mode & 0o777,
      ),
    );
    expect(modes).toEqual([0o700, 0o700, 0o700, 0o600, 0o600]);
  });

  it('holds the blob under its name, with the bytes as they are', async () => {
    expect(await readFile(placeOf(await stored()))).toEqual(bytes);
  });

  it('goes without a trace when it is empty, and leaves what is beside it', async () => {
    await writeFile(join(path, 'holiday.jpg'), 'not ours');
    const name = await stored();
    await vault.delete(name);
    await vault.removeFolder();
    expect(await readdir(path)).toEqual(['holiday.jpg']);
  });

  it('stays while another gateway is writing into it', async () => {
    await mkdir(inside('staging', 'two'));
    await writeFile(inside('staging', 'two', '0'), 'half');
    await expect(vault.removeFolder()).rejects.toThrow(FolderInUse);
    expect(await vault.readMarker()).toEqual(Buffer.from('marker'));
  });
});

describe('What is not ours', () => {
  it('is listed as foreign, and left alone', async () => {
    const name = await stored();
    const other = newBlobName();
    await writeFile(inside('thumbs.db'), '12345');
    await mkdir(inside('photos'));
    await writeFile(inside(name.slice(0, 2), 'note.txt'), '1');
    await writeFile(inside(name.slice(0, 2), `zz${other.slice(2)}`), '1');
    await mkdir(inside(name.slice(0, 2), `${name.slice(0, 2)}${other.slice(2)}`));
    const entries = await listAll(vault);
    expect(entries.filter(({ foreign }) => !foreign).map((entry) => entry.name)).toEqual([name]);
    expect(
      entries
        .filter(({ foreign }) => foreign)
        .map((entry) => entry.name)
        .sort(),
    ).toHaveLength(5);
    expect(entries).toContainEqual({ name: 'thumbs.db', length: 5, checksum: null, foreign: true });
    await expect(vault.removeFolder()).rejects.toThrow(FolderInUse);
  });

  it('is never half a blob: those lie apart', async () => {
    await mkdir(inside('staging', 'two'));
    await writeFile(inside('staging', 'two', '7'), 'half');
    expect(await listAll(vault)).toEqual([]);
  });

  it('is a link under the name of a blob: nothing is read, written or deleted through it', async () => {
    const target = join(path, 'elsewhere');
    await writeFile(target, bytes);
    const name = newBlobName();
    await mkdir(inside(name.slice(0, 2)));
    await symlink(target, placeOf(name));
    expect(await vault.stat(name)).toBeNull();
    await expect(read(name)).rejects.toThrow(BlobMissing);
    await expect(vault.put(name, bodyOf(bytes))).rejects.toThrow(BlobMismatch);
    expect(await listAll(vault)).toMatchObject([{ foreign: true }]);
    await vault.delete(name);
    expect(await readFile(target)).toEqual(bytes);
    expect(existsSync(placeOf(name))).toBe(false);
  });

  it.each(['shelf', 'staging'])('is a link in place of a %s: nothing is written through it', async (which) => {
    const name = newBlobName();
    const elsewhere = join(path, 'elsewhere');
    await mkdir(elsewhere);
    await rm(inside('staging'), { recursive: true });
    await symlink(elsewhere, which === 'shelf' ? inside(name.slice(0, 2)) : inside('staging'));
    const another = await open('two');
    await expect(another.put(name, bodyOf(bytes))).rejects.toThrow(AccessRefused);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('is a pipe under the name of a blob: nobody waits for it', async () => {
    const name = newBlobName();
    await mkdir(inside(name.slice(0, 2)));
    execFileSync('mkfifo', [placeOf(name)]);
    await expect(read(name)).rejects.toThrow();
    await expect(vault.put(name, bodyOf(bytes))).rejects.toThrow(BlobMismatch);
  });
});

describe('A disk that is away', () => {
  it('is told from blobs that are missing, when our folder is not there', async () => {
    const name = await stored();
    await rename(inside(), join(path, 'hidden'));
    for (const call of [
      () => vault.stat(name),
      () => read(name),
      () => vault.delete(name),
      () => vault.put(newBlobName(), bodyOf(bytes)),
      () => vault.list(),
    ]) {
      await expect(call()).rejects.toThrow(ConnectionAway);
    }
    expect(await readdir(path)).toEqual(['hidden']);
    await rename(join(path, 'hidden'), inside());
    expect(await read(name)).toEqual(bytes);
    await stored();
  });

  it('is never taken for a wiped one, when its path is not there', async () => {
    await rename(path, `${path}-gone`);
    await expect(vault.readMarker()).rejects.toThrow(ConnectionAway);
    await expect(vault.writeMarker(Buffer.from('m'))).rejects.toThrow(ConnectionAway);
    await expect(vault.space()).rejects.toThrow(ConnectionAway);
    await rename(`${path}-gone`, path);
  });

  it('is never taken for a wiped one, when another disk lies at its path', async () => {
    const elsewhere = watchedDisk(async (call, run) => {
      const result = await run();
      return call.name === 'stat' && swapped ? { dev: -1 } : result;
    });
    let swapped = false;
    const other = await open('two', elsewhere);
    swapped = true;
    await expect(other.readMarker()).rejects.toThrow('Another disk');
    await expect(other.writeMarker(Buffer.from('m'))).rejects.toThrow('Another disk');
    expect(await vault.readMarker()).toEqual(Buffer.from('marker'));
  });

  it('makes a shelf again that somebody took away', async () => {
    const name = await stored();
    await rm(inside(name.slice(0, 2)), { recursive: true });
    await expect(read(name)).rejects.toThrow(BlobMissing);
    await expect(vault.put(name, bodyOf(bytes))).rejects.toMatchObject({ retriable: true });
    await vault.put(name, bodyOf(bytes));
    expect(await read(name)).toEqual(bytes);
  });
});

describe('A blob that was cut on the disk', () => {
  it('is truncated, and no put heals it silently', async () => {
    const name = await stored();
    await truncate(placeOf(name), 50_000);
    await expect(read(name)).rejects.toThrow(BlobTruncated);
    expect(await vault.stat(name)).toEqual({ length: 50_000, checksum: null });
    await expect(vault.put(name, bodyOf(bytes))).rejects.toThrow(BlobMismatch);
  });
});

const told: [code: string, on: string, fault: new () => Error, words: string][] = [
  ['ENOSPC', 'file.writev', ConnectionFull, 'no room'],
  ['ENOSPC', 'open', ConnectionFull, 'no room'],
  ['ENOSPC', 'link', ConnectionFull, 'no room'],
  ['ENOSPC', 'mkdir', ConnectionFull, 'no room'],
  ['ENOSPC', 'file.sync', ConnectionFull, 'no room'],
  ['EDQUOT', 'file.writev', ConnectionFull, 'no room'],
  ['EFBIG', 'file.writev', ConnectionFull, 'no room'],
  ['EROFS', 'open', AccessRefused, 'read-only'],
  ['EACCES', 'open', AccessRefused, 'may not use'],
  ['EMFILE', 'open', ConnectionAway, 'too many files'],
  ['EIO', 'file.sync', ConnectionAway, 'cannot be reached'],
  ['EIO', 'file.writev', ConnectionAway, 'cannot be reached'],
  ['ESTALE', 'link', ConnectionAway, 'cannot be reached'],
];

describe('What the file system says', () => {
  it.each(told)('%s on %s becomes a fault in plain words, and nothing stays', async (code, on, fault, words) => {
    let broken = true;
    const disk = watchedDisk(async ({ name }, run) => (broken && name === on ? fail(code) : run()));
    const frail = await open('frail', disk);
    const name = newBlobName();
    const error: Error = await frail.put(name, bodyOf(bytes)).then(
      () => expect.fail('it was stored'),
      (e) => e,
    );
    expect(error).toBeInstanceOf(fault);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('/');
    expect(await vault.stat(name)).toBeNull();
    expect(await readdir(inside('staging', 'frail')).catch(() => [])).toEqual([]);
    broken = false;
    await frail.put(name, bodyOf(bytes));
    expect(await read(name)).toEqual(bytes);
  });

  it('leaves mistakes of the program as they are', async () => {
    const broken = { length: 10, pieces: () => ['not a buffer'] as unknown as Buffer[] };
    await expect(vault.put(newBlobName(), broken)).rejects.toThrow();
    await expect(read(await stored(), -1)).rejects.toThrow(RangeError);
  });

  it('writes on where a call wrote less than it was given', async () => {
    const stingy = watchedDisk(async (call, run) => {
      if (call.name !== 'file.writev') return run();
      const [first] = call.args[0] as Buffer[];
      call.args[0] = [first!.subarray(0, Math.ceil(first!.length / 3))];
      return run();
    });
    const frugal = await open('frugal', stingy);
    const name = newBlobName();
    await frugal.put(name, bodyOf(bytes, 1000));
    expect(await read(name)).toEqual(bytes);
  });
});

describe('Open files', () => {
  let openFiles: string[];
  let reads: number;
  let watched: LocalVault;

  beforeEach(async () => {
    openFiles = [];
    reads = 0;
    const disk = watchedDisk(async (call, run) => {
      if (call.name === 'file.read') reads += 1;
      const result = await run();
      if (call.name === 'open') openFiles.push(call.path);
      if (call.name === 'file.close') openFiles.splice(openFiles.indexOf(call.path), 1);
      return result;
    });
    watched = await open('watched', disk);
  });

  it('are closed, however a reader or a writer ends', async () => {
    const name = await stored();
    const whole = { offset: 0, length: 100_000 };
    await readAll(watched, name, whole);
    for await (const _ of watched.get(name, whole, { pieceLength: 10 })) break;
    await expect(readAll(watched, name, { offset: 1, length: 100_000 })).rejects.toThrow(BlobTruncated);
    await watched.put(name, bodyOf(bytes));
    await expect(watched.put(name, bodyOf(someBytes(5)))).rejects.toThrow(BlobMismatch);
    await expect(watched.put(newBlobName(), { length: 9, pieces: () => [] })).rejects.toThrow();
    await watched.list();
    await watched.writeMarker(Buffer.from('m'));
    await watched.readMarker();
    expect(openFiles).toEqual([]);
  });

  it('are one for each reader, and hold one piece at a time', async () => {
    const name = await stored();
    const whole = { offset: 0, length: 100_000 };
    const pieces = watched.get(name, whole, { pieceLength: 10_000 })[Symbol.asyncIterator]();
    await pieces.next();
    await pieces.next();
    expect(reads).toBe(2);
    expect(openFiles).toEqual([placeOf(name)]);
    await pieces.return?.();
    expect(openFiles).toEqual([]);
  });
});

describe('What dead openers have half-written', () => {
  beforeEach(async () => {
    for (const instance of ['dead', 'alive']) {
      await mkdir(inside('staging', instance));
      await writeFile(inside('staging', instance, '0'), 'half');
      await writeFile(inside('staging', instance, '1'), 'half');
    }
  });

  it('is known by its openers', async () => {
    expect((await vault.temporaryOwners()).sort()).toEqual(['alive', 'dead']);
  });

  it('goes when the caller knows that they are dead, and nobody else’s does', async () => {
    expect(await vault.sweepTemporary(['dead', 'never-seen', '../..', 'one'])).toBe(2);
    expect((await readdir(inside('staging'))).sort()).toEqual(['alive', 'one']);
    expect(await readdir(inside('staging', 'alive'))).toEqual(['0', '1']);
    await stored();
  });

  it('is nothing after a good end', async () => {
    await stored();
    await vault.close();
    expect(await readdir(inside('staging'))).not.toContain('one');
  });
});

describe('Failure domains', () => {
  it('are the same for two folders of one disk, and different for two disks', async () => {
    await mkdir(join(path, 'a'));
    await mkdir(join(path, 'b'));
    expect(await deviceOf(join(path, 'a'))).toBe(await deviceOf(join(path, 'b')));
    const another = watchedDisk(async (call, run) => (call.name === 'stat' ? { dev: -1 } : run()));
    expect(await deviceOf(path, another)).not.toBe(await deviceOf(path));
  });
});
