import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import { bodyOf, listAll, readAll, someBytes } from '../../testing/index.js';
import type { Disk } from './disk.js';
import { type LocalVault, openLocalVault } from './local-vault.js';
import { PowerCut, type Unflushed } from './testing/power-cut.js';
import { watchedDisk } from './testing/watched-disk.js';

const first = someBytes(70_000, 'first');
const second = someBytes(90_000, 'second');
const names = [newBlobName(), newBlobName()] as const;

interface Told {
  marker?: boolean;
  stored: number;
}

let path: string;
const folder = newFolderName();
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'vault-'));
});
afterEach(() => rm(path, { recursive: true }));

function open(instance: string, disk?: Disk): Promise<LocalVault> {
  return openLocalVault({ path, folder, instance, disk });
}

/** A vault is made and takes two blobs at once; what its caller was told is written down. */
async function story(disk: Disk, told: Told): Promise<void> {
  const vault = await open('before', disk);
  await vault.writeMarker(Buffer.from('marker'));
  told.marker = true;
  const puts = [first, second].map(async (bytes, index) => {
    await vault.put(names[index]!, bodyOf(bytes));
    told.stored |= 1 << index;
  });
  const ends = await Promise.allSettled(puts);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function cutBefore(call: number, unflushed: Unflushed): Promise<{ told: Told; calls: number }> {
  const told: Told = { stored: 0 };
  const power = new PowerCut(call);
  await story(power.disk, told).catch((error: Error) => expect(error.message).toContain('power is off'));
  await power.aftermath(unflushed);
  return { told, calls: power.calls };
}

async function keepsItsWord(told: Told): Promise<void> {
  const vault = await open('after');
  if (told.marker) expect(await vault.readMarker()).toEqual(Buffer.from('marker'));
  if ((await vault.readMarker()) === null) return;
  for (const [index, bytes] of [first, second].entries()) {
    const stat = await vault.stat(names[index]!);
    if (told.stored & (1 << index)) expect(stat, 'told to be stored').not.toBeNull();
    if (!stat) continue;
    expect(await readAll(vault, names[index]!, { offset: 0, length: bytes.length })).toEqual(bytes);
  }
  for (const { foreign, name } of await listAll(vault)) expect(foreign, name).toBe(false);
}

describe('After a power cut at any call, a local vault', () => {
  it.each<Unflushed>(['all of it is lost', 'names are kept, contents are lost'])(
    'holds every blob that it had said to hold, and no half one, when of the unflushed %s',
    async (unflushed) => {
      const { calls, told } = await cutBefore(Infinity, unflushed);
      expect(told).toEqual({ marker: true, stored: 3 });
      await keepsItsWord(told);
      expect(calls).toBeGreaterThan(20);
      for (let call = 1; call <= calls + 1; call += 1) {
        await rm(join(path, folder), { recursive: true, force: true });
        await keepsItsWord((await cutBefore(call, unflushed)).told);
      }
    },
  );

  const shortcuts: [shortcut: string, skips: (path: string) => boolean][] = [
    ['does not flush files', (where) => where.includes('staging')],
    ['does not flush the folder of a blob', (where) => /\/..$/.test(where)],
    ['does not flush a new folder’s own entry', (where) => where.endsWith(folder)],
  ];

  it.each(shortcuts)('would be caught by this test if it %s', async (_shortcut, skips) => {
    const power = new PowerCut(Infinity);
    const lazy = watchedDisk(
      async (call, run) => (call.name === 'file.sync' && skips(call.path) ? undefined : run()),
      power.disk,
    );
    const told: Told = { stored: 0 };
    await story(lazy, told);
    await power.aftermath('all of it is lost');
    await expect(keepsItsWord(told)).rejects.toThrow();
  });
});
