import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import { newFolderName } from '../../folder-name.js';
import { bodyOf, listAll, readAll, someBytes, TestClock } from '../../testing/index.js';
import { type DavServer, startApache, startRcloneWebdav } from '../../testing/servers/dav-server.js';
import { type FaultProxy, startFaultProxy } from '../../testing/servers/fault-proxy.js';
import { retrying } from '../../wrappers/index.js';
import { openWebdav } from './webdav-provider.js';

const MiB = 1024 * 1024;
const outbound = { allowHosts: ['127.0.0.1'] };

/** From nothing to 8 MiB, each about a quarter longer than the one before. */
const blobs = Array.from({ length: 64 }, (_, index) => ({
  name: newBlobName(),
  bytes: someBytes(index === 0 ? 0 : Math.round((8 * MiB) ** (index / 63)), `blob ${index}`),
}));

describe.each([
  { name: 'Apache', start: startApache },
  { name: 'rclone', start: startRcloneWebdav },
])('A network that spoils one request in twenty, before $name', ({ start }) => {
  let server: DavServer;
  let proxy: FaultProxy;
  beforeAll(async () => {
    server = await start();
    proxy = await startFaultProxy(server.port, 0.05, 'rough');
  });
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  });

  it('costs no byte, and leaves nothing twice and nothing behind', async () => {
    const folder = newFolderName();
    const { login, url } = server;
    const rough = url.replace(String(server.port), String(proxy.port));
    const plain = openWebdav({ url, login, folder, instance: 'two', outbound });
    const provider = retrying(openWebdav({ url: rough, login, folder, instance: 'one', outbound }), {
      clock: new TestClock(),
      budget: { attempts: 20 },
    });
    const each = async (work: (blob: (typeof blobs)[number]) => Promise<unknown>) => {
      for (let at = 0; at < blobs.length; at += 4) await Promise.all(blobs.slice(at, at + 4).map(work));
    };

    await provider.writeMarker(someBytes(300));
    await each(({ name, bytes }) => provider.put(name, bodyOf(bytes)));
    await each(async ({ name, bytes }) => {
      expect((await readAll(provider, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
      expect(await provider.stat(name)).toEqual({ length: bytes.length, checksum: null });
    });
    const lengths = (entries: readonly { name: string; length: number }[]) =>
      entries.map(({ name, length }) => `${name} ${length}`).sort();
    const expected = blobs.map(({ name, bytes }) => `${name} ${bytes.length}`).sort();
    expect(lengths(await listAll(plain))).toEqual(expected);
    expect(lengths(await listAll(provider))).toEqual(expected);

    await provider.close();
    await plain.sweepTemporary(await plain.temporaryOwners());
    const found = await readdir(server.files, { recursive: true, withFileTypes: true });
    expect(found.filter((entry) => entry.isFile())).toHaveLength(blobs.length + 1);

    const again = retrying(openWebdav({ url: rough, login, folder, instance: 'three', outbound }), {
      clock: new TestClock(),
      budget: { attempts: 20 },
    });
    await each(({ name }) => again.delete(name));
    await again.removeFolder();
    expect(await readdir(server.files)).toEqual([]);
    await again.close();
    await plain.close();

    expect(proxy.troubles.size).toBe(8);
    const spoiled = [...proxy.troubles.values()].reduce((sum, count) => sum + count, 0);
    expect(spoiled / proxy.requests()).toBeGreaterThan(0.03);
  });
});
