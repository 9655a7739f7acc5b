import { mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { makeRootKeyFile, readRootKeyFile } from './root-key-file.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-key-'));
  path = join(folder, 'data', 'root.key');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

it('makes a key that nobody else may read, and leaves nothing beside it', async () => {
  await makeRootKeyFile(path);
  expect([...(await readRootKeyFile(path))!.keys()]).toEqual([1]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'data'))).toEqual(['root.key']);
});

it('leaves no half a key when it ends in the middle, so that the next start makes one', async () => {
  const any = await open(folder, 'r');
  const handles = Object.getPrototypeOf(any) as { writeFile(text: string): Promise<void> };
  await any.close();
  vi.spyOn(handles, 'writeFile').mockRejectedValueOnce(new Error('killed'));
  await expect(makeRootKeyFile(path)).rejects.toThrow('killed');
  expect(await readRootKeyFile(path)).toBeNull();
  await makeRootKeyFile(path);
  expect((await readRootKeyFile(path))!.size).toBe(1);
});

it('never writes over a key that is there', async () => {
  await makeRootKeyFile(path);
  const first = await readFile(path, 'utf8');
  await makeRootKeyFile(path);
  expect(await readFile(path, 'utf8')).toBe(first);
});
