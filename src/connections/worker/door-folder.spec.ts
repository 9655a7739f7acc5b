import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareDoor } from './door-folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'door-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('the place for a worker’s socket', () => {
  it('is a folder that is made, for this user alone', async () => {
    await prepareDoor(join(folder, 'door', 'worker'));
    expect(await modeOf(join(folder, 'door'))).toBe(0o700);
  });

  it('is never a folder that others may enter, and such a one is left as it is', async () => {
    const shared = join(folder, 'shared');
    await mkdir(shared);
    for (const mode of [0o755, 0o750, 0o701]) {
      await chmod(shared, mode);
      await expect(prepareDoor(join(shared, 'worker'))).rejects.toThrow(
        /^TESSERA_WORKER_SOCKET must lie in a folder of its own/,
      );
      expect(await modeOf(shared)).toBe(mode);
    }
  });

  it('is cleared of a socket at which nobody listens, and of nothing else', async () => {
    const path = join(folder, 'worker');
    await writeFile(path, 'somebody’s notes');
    await expect(prepareDoor(path)).rejects.toThrow('is no socket');
    await rm(path);
    const server = createServer().listen(path);
    await once(server, 'listening');
    await expect(prepareDoor(path)).rejects.toThrow('is in use');
    server.close();
    await once(server, 'close');
    await prepareDoor(path);
    expect(await readdir(folder)).toEqual([]);
  });
});
