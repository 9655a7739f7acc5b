import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build } from 'vite';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import type { BlobName } from '../../provider.js';
import { bodyOf, listAll, readAll, someBytes } from '../../testing/index.js';
import { type LocalVault, openLocalVault } from './local-vault.js';

const bytes = someBytes(2_300_000);
const neighbour = someBytes(1000, 'neighbour');

let workshop: string;
let child: string;

/** The child is made into one plain script, so that each of a hundred deaths costs no compiler. */
beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'killed-'));
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['source'] },
    ssr: { resolve: { conditions: ['source'] }, noExternal: true },
    build: {
      ssr: join(import.meta.dirname, 'testing/crashing-child.ts'),
      outDir: workshop,
      target: 'esnext',
      rollupOptions: { output: { entryFileNames: 'child.mjs', codeSplitting: false } },
    },
  });
  child = join(workshop, 'child.mjs');
});
afterAll(() => rm(workshop, { recursive: true }));

interface Scene {
  readonly path: string;
  readonly folder: string;
  readonly name: BlobName;
  readonly neighbourName: BlobName;
}

async function scene(prepare: (vault: LocalVault, name: BlobName) => Promise<unknown>): Promise<Scene> {
  const path = await mkdtemp(join(workshop, 'vault-'));
  const made: Scene = { path, folder: newFolderName(), name: newBlobName(), neighbourName: newBlobName() };
  const vault = await openLocalVault({ ...made, instance: 'earlier' });
  await vault.writeMarker(Buffer.from('old marker'));
  await vault.put(made.neighbourName, bodyOf(neighbour));
  await prepare(vault, made.name);
  return made;
}

function run({ path, folder, name }: Scene, verb: string, moment: string, nth: number) {
  const ended = spawnSync(process.execPath, [child, path, folder, verb, name, moment, String(nth)], {
    encoding: 'utf8',
  });
  return { ...ended, calls: Number(ended.stdout) };
}

/** True when the blob is there and whole, false when nothing of it is. */
async function wholeOrAbsent(vault: LocalVault, { name, neighbourName }: Scene): Promise<boolean> {
  const listed = (await listAll(vault)).map((entry) => entry.name).sort();
  expect(await readAll(vault, neighbourName, { offset: 0, length: neighbour.length })).toEqual(neighbour);
  if (!(await vault.stat(name))) {
    expect(listed).toEqual([neighbourName]);
    return false;
  }
  expect(listed).toEqual([name, neighbourName].sort());
  expect((await readAll(vault, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
  return true;
}

const verbs = [
  { verb: 'put', prepare: async () => undefined, marker: 'old marker', leastCalls: 10, moments: ['before', 'after'] },
  {
    verb: 'put again',
    prepare: (vault: LocalVault, name: BlobName) => vault.put(name, bodyOf(bytes)),
    marker: 'old marker',
    leastCalls: 15,
    moments: ['before'],
  },
  { verb: 'mark', prepare: async () => undefined, marker: /^(old|new) marker$/, leastCalls: 8, moments: ['before'] },
  {
    verb: 'delete',
    prepare: (vault: LocalVault, name: BlobName) => vault.put(name, bodyOf(bytes)),
    marker: 'old marker',
    leastCalls: 1,
    moments: ['before', 'after'],
  },
];

describe('A local vault whose gateway is killed at any call of', () => {
  it.each(verbs)(
    '“$verb” shows the blob whole or not at all',
    async ({ verb, prepare, marker, leastCalls, moments }) => {
      const word = verb.split(' ')[0]!;
      const rehearsal = run(await scene(prepare), word, 'never', 0);
      expect(rehearsal.stderr).toBe('');
      expect(rehearsal.calls).toBeGreaterThanOrEqual(leastCalls);
      const ends = new Set<boolean>();
      for (let nth = 1; nth <= rehearsal.calls; nth += 1) {
        for (const moment of moments) {
          const place = await scene(prepare);
          const death = run(place, word, moment, nth);
          expect(death.signal, `${moment} call ${nth} of ${rehearsal.calls}: ${death.stderr}`).toBe('SIGKILL');
          const vault = await openLocalVault({ ...place, instance: 'later' });
          ends.add(await wholeOrAbsent(vault, place));
          expect((await vault.readMarker())?.toString()).toMatch(marker);
          await vault.sweepTemporary(['dying', 'earlier']);
          expect(await vault.temporaryOwners()).toEqual([]);
          await vault.put(place.name, bodyOf(bytes));
          expect(await wholeOrAbsent(vault, place)).toBe(true);
          await rm(place.path, { recursive: true });
        }
      }
      if (word !== 'mark') expect(ends.has(true)).toBe(true);
    },
  );
});
