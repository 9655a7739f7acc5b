import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupName, clearUnfinished, keptBackups, writeWhole } from './backup-folder.js';
import { BackupFolderUnusable } from './errors.js';
import { expireBackups } from './expire-backups.js';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const at = (day: number) => new Date(Date.UTC(2026, 0, day, 3, 4, 5));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backups-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* twoPieces(failure?: Error): AsyncGenerator<Buffer> {
  yield Buffer.from('one, ');
  if (failure) throw failure;
  yield Buffer.from('two');
}

describe('a file that is written whole', () => {
  it('has its name when it is, and nobody else may read it', async () => {
    const path = join(folder, 'new', 'it');
    await writeWhole(path, async (write) => {
      await write(twoPieces());
      expect(await readdir(join(folder, 'new'))).toEqual(['it.unfinished']);
    });
    expect(await readFile(path, 'utf8')).toBe('one, two');
    const modes = [await stat(path), await stat(join(folder, 'new'))].map(({ mode }) => mode & 0o777);
    expect(modes).toEqual([0o600, 0o700]);
  });

  it('leaves nothing where it failed, and what was there before as it was', async () => {
    const path = join(folder, 'it');
    await writeFile(path, 'before');
    const failing = writeWhole(path, (write) => write(twoPieces(new Error('the database went away'))));
    await expect(failing).rejects.toThrow('the database went away');
    expect([await readdir(folder), await readFile(path, 'utf8')]).toEqual([['it'], 'before']);
  });

  it('says which folder cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const writing = writeWhole(join(folder, 'file', 'it'), (write) => write(twoPieces()));
    await expect(writing).rejects.toThrow(BackupFolderUnusable);
    await expect(writing).rejects.toThrow('TESSERA_BACKUP_FOLDER: ');
  });
});

describe('a folder of backups', () => {
  const name = (day: number) => backupName(ID, at(day));

  it('names them by when they were made, and knows no other files', async () => {
    expect(name(2)).toBe('tessera-20260102T030405Z-099a8057.backup');
    for (const file of [name(2), name(9), 'notes', `${name(3)}.unfinished`, `old-${name(4)}`])
      await writeFile(join(folder, file), '');
    await mkdir(join(folder, 'tessera'));
    expect(await keptBackups(folder)).toEqual([
      { name: name(9), madeAt: at(9) },
      { name: name(2), madeAt: at(2) },
    ]);
    expect(await keptBackups(join(folder, 'nowhere'))).toEqual([]);
  });

  it('loses those that are too old, counted from one that was proved', async () => {
    for (const day of [1, 2, 3, 10]) await writeFile(join(folder, name(day)), '');
    const newest = { id: ID, path: join(folder, name(10)), madeAt: at(10), bytes: 1, rows: 1, tables: 1, digest: '' };
    expect((await expireBackups(folder, 8, newest)).sort()).toEqual([join(folder, name(1)), join(folder, name(2))]);
    expect((await readdir(folder)).sort()).toEqual([name(10), name(3)].sort());
  });

  it('is cleared of what killed writers left, but not of what one may be writing', async () => {
    for (const day of [1, 5]) await writeFile(join(folder, `${name(day)}.unfinished`), '');
    await clearUnfinished(folder, at(6));
    expect(await readdir(folder)).toEqual([`${name(5)}.unfinished`]);
  });
});
