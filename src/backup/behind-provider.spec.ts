import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupHeadName, deriveRootKeys, ready, type RootEpoch, sealBackupHead, sealMarker, SecretKey } from '#crypto';
import { type BlobName, findProvider, newBlobName, newFolderName } from '#storage';
import { type S3Double, startS3Double } from '#storage/testing';
import { openPlaces } from './behind-provider.js';
import { cutFile, writeHead } from './head.js';
import { fetchBackup, findBackups } from './look-through.js';

const outbound = { allowHosts: ['127.0.0.1'] };
const ID = '01938f00-0000-7000-8000-000000000001';
/** As good as a backup for whoever joins it. */
const file = randomBytes(5_000);

let cloud: S3Double;
let folder: string;
let older: RootEpoch;
let newer: RootEpoch;

beforeAll(async () => {
  await ready;
  older = { epoch: 1, keys: deriveRootKeys(SecretKey.random()) };
  newer = { epoch: 2, keys: deriveRootKeys(SecretKey.random()) };
  cloud = await startS3Double();
  folder = await mkdtemp(join(tmpdir(), 'behind-'));
});
afterAll(async () => {
  await cloud?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const typed = (prefix: string) => {
  const { endpoint, bucket, accessKeyId, secretAccessKey } = cloud;
  return { provider: 's3', endpoint, bucket, accessKeyId, secretAccessKey, prefix };
};

/** A folder of some gateway, with a backup in it. */
async function keep(prefix: string, marker: RootEpoch, root: RootEpoch): Promise<string> {
  const { provider: _, ...settings } = typed(prefix);
  const name = newFolderName();
  const place = { settings, folder: name, instance: randomUUID(), outbound };
  const provider = await findProvider('s3')!.open(place);
  await provider.writeMarker(sealMarker(marker.keys.markerSeal, { gateway: ID, connection: ID, sequence: 7 }));
  const put = (blob: BlobName, bytes: Buffer) => provider.put(blob, { length: bytes.length, pieces: () => [bytes] });
  const pieces = [];
  for (const { offset, length } of cutFile(file.length, 1_500)) {
    const bytes = file.subarray(offset, offset + length);
    const piece = { name: newBlobName(), bytes: length, digest: createHash('sha256').update(bytes).digest('hex') };
    await put(piece.name, bytes);
    pieces.push(piece);
  }
  const start = file.subarray(0, 212).toString('base64');
  const head = writeHead({ id: ID, madeAt: '2026-11-21T03:00:00.000Z', bytes: file.length, start, pieces });
  await put(backupHeadName(root.keys, newBlobName()) as BlobName, sealBackupHead(root.keys, head));
  await provider.close();
  return name;
}

describe('a place that is only known by what opens it', () => {
  it('shows every folder of ours below what was typed, and none of another gateway', async () => {
    const other = { epoch: 1, keys: deriveRootKeys(SecretKey.random()) };
    const ours = await keep('deep/down', newer, older);
    await keep('deep/down', other, other);
    await keep('deep', newer, newer);
    await using opened = await openPlaces({ typed: typed('/deep/down/'), keys: [newer, older], outbound });
    expect(opened.places.map(({ where }) => where)).toEqual([`S3 bucket, folder ${ours}`]);
    const { backups } = await findBackups(opened.places[0]!, [newer, older]);
    expect(backups.map(({ name }) => name)).toEqual(['tessera-20261121T030000Z-00000001.backup']);
    const path = join(folder, 'found');
    await fetchBackup(backups[0]!, path);
    expect((await readFile(path)).equals(file)).toBe(true);
  });

  it('shows nothing of an epoch whose line is destroyed', async () => {
    await keep('rotated', newer, older);
    await using opened = await openPlaces({ typed: typed('rotated'), keys: [newer], outbound });
    expect((await findBackups(opened.places[0]!, [newer])).backups).toEqual([]);
  });

  it('is looked into where it was said which folder it is', async () => {
    const name = await keep('said', newer, newer);
    await keep('said', newer, newer);
    await using opened = await openPlaces({ typed: { ...typed('said'), folder: name }, keys: [newer], outbound });
    expect(opened.places).toHaveLength(1);
  });

  it.each<[string, () => Record<string, unknown>, RegExp]>([
    ['nothing of ours', () => typed('empty'), /no folder of Tessera/],
    ['no such provider', () => ({ provider: 'ftp' }), /has to be one of/],
    ['a provider of consents', () => ({ provider: 'google-drive' }), /--from-folder/],
    ['a field that is missing', () => ({ provider: 'webdav', url: 'https://example.org' }), /is missing/],
    ['a folder of another kind', () => ({ ...typed(''), folder: '../x' }), /32 characters/],
  ])('is refused in words: %s', async (_, said, message) => {
    await expect(openPlaces({ typed: said(), keys: [newer], outbound })).rejects.toThrow(message);
  });
});
