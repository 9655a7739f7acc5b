import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import { probe } from '../../probe.js';
import type { BlobName, StorageProvider } from '../../provider.js';
import { bodyOf, describeProvider, listAll, readAll, someBytes, TestClock } from '../../testing/index.js';
import { startFaultProxy } from '../../testing/servers/fault-proxy.js';
import type { S3Server } from '../../testing/servers/s3-server.js';
import { startSwift } from '../../testing/servers/swift.js';
import { retrying } from '../../wrappers/index.js';
import type { Settings } from '../description.js';
import { s3 } from './index.js';

// Thousands of blobs go through four servers in one process.
vi.setConfig({ testTimeout: 300_000 });

let server: S3Server;
let client: S3Client;
beforeAll(async () => {
  server = await startSwift();
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: 'blobs' }));
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

function open(other: Settings = {}): Promise<StorageProvider> {
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const settings = { endpoint, accessKeyId, secretAccessKey, bucket: 'blobs', ...other };
  return s3.open({ settings, folder: newFolderName(), instance: 'one', outbound: { allowHosts: ['127.0.0.1'] } });
}

// Four servers take their time for each write; a page holds a thousand.
describeProvider(
  'A bucket of OpenStack Swift',
  async () => {
    const provider = await open({ prefix: 'here/and-there' });
    await provider.writeMarker(Buffer.from('marker'));
    return { provider };
  },
  { listed: 1050 },
);

describe('A bucket of OpenStack Swift', () => {
  it('passes the test that comes before a connection is kept', async () => {
    const provider = await open();
    expect(await probe(provider)).toMatchObject({ ok: true });
    await provider.close();
  });

  it.each<[string, Settings, string, string]>([
    ['an unknown access key', { accessKeyId: 'test:nobody' }, 'prepare', 'do not belong together'],
    ['a wrong secret key', { secretAccessKey: 'wrong' }, 'prepare', 'do not belong together'],
    ['a bucket that is not there', { bucket: 'nowhere' }, 'prepare', 'no bucket of this name'],
    ['another region', { region: 'eu-west-1' }, 'prepare', 'region “us-east-1”'],
  ])('says what is wrong with %s', async (_what, settings, failedStep, words) => {
    const provider = await open(settings);
    const result = await probe(provider);
    await provider.close();
    expect(result).toMatchObject({ ok: false, failedStep, reason: expect.stringContaining(words) });
  });

  it('proves what it keeps by its own checksum', async () => {
    const provider = await open();
    await provider.writeMarker(Buffer.from('marker'));
    const proof = await provider.put(newBlobName(), bodyOf(someBytes(70_000)));
    expect(proof).toEqual({ kind: 'checksum', checksum: expect.stringMatching(/^md5:[0-9a-f]{32}$/) });
    expect(provider.traits.createOnly).toBe(false);
    await provider.close();
  });

  it('gives 64 files back byte for byte, though one request in twenty fails on its way, and keeps nothing else', async () => {
    const proxy = await startFaultProxy(Number(new URL(server.endpoint).port), 0.05, 'snow');
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const provider = retrying(await open({ endpoint }), { clock: new TestClock() });
    await provider.writeMarker(Buffer.from('marker'));
    const files = new Map<BlobName, Buffer>();
    for (let index = 0; index < 64; index += 1) {
      const length = [0, 1, 4096, 100_003, 1024 * 1024, 3_000_001, 8 * 1024 * 1024, 65_536][index % 8]!;
      files.set(newBlobName(), someBytes(length, `file ${index}`));
    }
    const names = [...files.keys()];
    for (const [name, bytes] of files) await provider.put(name, bodyOf(bytes));
    for (const [name, bytes] of files) {
      expect((await provider.stat(name))?.length).toBe(bytes.length);
      expect((await readAll(provider, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
    }
    const listed = (await listAll(provider)).map(({ name }) => name);
    expect(listed.sort()).toEqual([...names].sort());
    for (const name of names) await provider.delete(name);
    expect(await listAll(provider)).toEqual([]);
    await provider.removeFolder();
    await provider.close();
    await proxy.stop();
    expect(proxy.troubles.size).toBe(8);
  });
});

describe('A bucket of OpenStack Swift that keeps old versions', () => {
  it('keeps none of what was deleted or replaced', async () => {
    await client.send(new CreateBucketCommand({ Bucket: 'versioned' }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration }));
    const provider = await open({ bucket: 'versioned' });
    for (const marker of ['one', 'two', 'three']) await provider.writeMarker(Buffer.from(marker));
    expect(await versions()).toEqual(['marker']);
    const name = newBlobName();
    for (const bytes of [someBytes(1000), someBytes(2000)]) {
      await provider.put(name, bodyOf(bytes));
      expect(await versions()).toEqual(['marker', name].sort());
      await provider.delete(name);
      expect(await versions()).toEqual(['marker']);
    }
    await provider.removeFolder();
    expect(await versions()).toEqual([]);
    await provider.close();
  });

  async function versions(): Promise<string[]> {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
    return [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key = '' }) => Key.split('/')[1]!).sort();
  }
});
