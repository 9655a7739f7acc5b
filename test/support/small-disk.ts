import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectionFull, type StorageProvider } from '#storage';
import { ConnectionPool } from '../../src/connections/index.js';
import type { TestGateway } from './gateway.js';
import { inside } from './inside.js';

export interface SmallDisk {
  readonly path: string;
  /** Somebody else's file leaves so many bytes on the disk; without a number it goes away. */
  leave(bytes?: number): Promise<void>;
  /** Of a connection that was made there, where the disk itself is not small. */
  bound(gateway: TestGateway, connection: string): void;
  remove(): Promise<void>;
}

/** A file system of its own where this user may mount one; else a folder whose connection is kept small. */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'tessera-small-'));
  const options = ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', path];
  const mounted = process.platform === 'linux' && spawnSync('mount', options).status === 0;
  const remove = () => rm(path, { recursive: true, force: true });
  if (!mounted) return pretended(path, bytes, remove);
  return {
    path,
    async leave(left = bytes) {
      const others = join(path, 'somebody-elses');
      await rm(others, { force: true });
      const { bavail, bsize } = await statfs(path);
      if (bavail * bsize > left) await writeFile(others, Buffer.alloc(bavail * bsize - left));
    },
    bound: () => {},
    remove: async () => {
      execFileSync('umount', ['-l', path]);
      await remove();
    },
  };
}

function pretended(path: string, bytes: number, remove: () => Promise<void>): SmallDisk {
  const lengths = new Map<string, number>();
  let others = 0;
  const free = () => Math.max(0, bytes - others - [...lengths.values()].reduce((sum, length) => sum + length, 0));
  const small = (provider: StorageProvider): StorageProvider =>
    Object.assign(Object.create(provider) as StorageProvider, {
      async put(...[name, body, options]: Parameters<StorageProvider['put']>) {
        if (body.length > free()) throw new ConnectionFull();
        lengths.set(name, body.length);
        return provider.put(name, body, options);
      },
      async delete(...[name, options]: Parameters<StorageProvider['delete']>) {
        lengths.delete(name);
        return provider.delete(name, options);
      },
      space: async () => ({ total: bytes, used: bytes - free(), free: free() }),
    });
  return {
    path,
    async leave(left = bytes) {
      others = 0;
      others = Math.max(0, free() - left);
    },
    bound: (gateway, connection) => {
      const pool = inside(gateway, ConnectionPool);
      const open = pool.provider.bind(pool);
      pool.provider = async (id) => (id === connection ? small(await open(id)) : open(id));
    },
    remove,
  };
}
