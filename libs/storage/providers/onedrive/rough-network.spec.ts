import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MicrosoftDouble, startMicrosoftDouble } from '../../../../test/doubles/microsoft/index.js';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import { bodyOf, listAll, someBytes, TestClock } from '../../testing/index.js';
import { retrying } from '../../wrappers/index.js';
import { OnedriveProvider } from './onedrive-provider.js';

const MiB = 1024 * 1024;
const atOnce = 4;

/** From nothing to the largest, each by the same factor longer than the one before. Their bytes are made when they are needed. */
const blobsUpTo = (largest: number) =>
  Array.from({ length: 64 }, (_, index) => {
    const length = index === 0 ? 0 : Math.round(largest ** (index / 63));
    return { name: newBlobName(), length, bytes: () => someBytes(length, `blob ${index}`) };
  });

describe.each([
  { whose: 'a personal OneDrive', email: 'ada@example.com', scopes: ['Files.ReadWrite.AppFolder'], largest: 100 * MiB },
  { whose: 'a firm’s OneDrive', email: 'grace@firm.example', scopes: ['Files.ReadWrite'], largest: 24 * MiB },
])('A network that spoils one request in twenty, before $whose', ({ email, scopes, largest }) => {
  const blobs = blobsUpTo(largest);
  let double: MicrosoftDouble;
  beforeAll(async () => void (double = await startMicrosoftDouble()));
  afterAll(() => double.stop());

  it('costs no byte, and leaves nothing twice and nothing behind', { timeout: 240_000 }, async () => {
    const open = (folder: string) =>
      new OnedriveProvider({ tokens: double.tokensOf(email, scopes), origin: double.origin, folder });
    const folder = newFolderName();
    const rough = retrying(open(folder), { clock: new TestClock(), budget: { attempts: 20 } });
    const plain = open(folder);
    const each = async (work: (blob: (typeof blobs)[number]) => Promise<unknown>) => {
      const waiting = [...blobs];
      const worker = async () => {
        for (let blob = waiting.shift(); blob; blob = waiting.shift()) await work(blob);
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
    };

    double.atRandom({ share: 0.05, seed: 'rough' });
    await rough.writeMarker(someBytes(300));
    await each((blob) => rough.put(blob.name, bodyOf(blob.bytes())));
    await each(async ({ name, length, bytes }) => {
      const wanted = bytes();
      let at = 0;
      for await (const piece of rough.get(name, { offset: 0, length })) {
        if (!piece.equals(wanted.subarray(at, at + piece.length))) throw new Error(`other bytes at ${at} of ${length}`);
        at += piece.length;
      }
      expect(at).toBe(length);
      expect(await rough.stat(name)).toMatchObject({ length });
    });
    const lengths = (entries: readonly { name: string; length: number }[]) =>
      entries.map(({ name, length }) => `${name} ${length}`).sort();
    const expected = blobs.map(({ name, length }) => `${name} ${length}`).sort();
    expect(lengths(await listAll(rough))).toEqual(expected);
    const spoiled = [...double.troubles.happened.values()].reduce((sum, count) => sum + count, 0);
    expect(spoiled / double.requests.length).toBeGreaterThan(0.02);
    expect(double.troubles.happened.size).toBeGreaterThan(6);

    double.atRandom(null);
    expect(lengths(await listAll(plain))).toEqual(expected);
    const paths = blobs.map(({ name }) => `${folder}/${name.slice(0, 2)}/${name}`);
    expect(
      double
        .files(email)
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...paths, `${folder}/marker`].sort());
    expect(double.bytes.tokensSeen).toBe(0);

    double.atRandom({ share: 0.05, seed: 'rough once more' });
    await each(({ name }) => rough.delete(name));
    await rough.removeFolder();
    expect(double.files(email)).toEqual([]);
    await rough.close();
    await plain.close();
  });
});
