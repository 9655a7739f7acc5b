import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { block } from './test-bytes.mjs';
import { startBare } from './contenders/bare.mjs';
import { startGateway } from './contenders/gateway.mjs';
import { openWebdav } from './contenders/webdav.mjs';
import { rcloneVersion, startRclone } from './contenders/rclone.mjs';

const STARTERS = {
  gateway: startGateway,
  webdav: async (_, started) => openWebdav(await started('gateway')),
  bare: startBare,
  ...(rcloneVersion() && { rclone: startRclone }),
};

/** A folder of its own below a given one, and the contenders that keep their data in it, each started when first asked for. */
export async function openPlace(parent) {
  const folder = await mkdtemp(join(parent, 'tessera-bench-'));
  const started = new Map();
  const contender = async (name) => {
    if (!started.has(name)) started.set(name, await STARTERS[name](folder, contender));
    return started.get(name);
  };
  return {
    folder,
    async contenders(names = Object.keys(STARTERS)) {
      const known = names.filter((name) => STARTERS[name]);
      const found = [];
      for (const name of known) found.push(await contender(name));
      return found;
    },
    async stop(name) {
      await started.get(name)?.stop();
      started.delete(name);
    },
    async close() {
      await Promise.all([...started.values()].map((contender) => contender.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Fills and frees so many bytes of a folder that lies in memory. On a virtual machine the first touch of a page of memory
 * costs its host's time, which is counted to whoever happens to touch it: several seconds for a gibibyte.
 */
export async function touchMemory(parent, bytes) {
  const path = join(await mkdtemp(join(parent, 'tessera-bench-')), 'touched');
  const file = await open(path, 'wx');
  try {
    for (let at = 0; at < bytes; at += block.length) await file.write(block);
  } finally {
    await file.close();
    await rm(join(path, '..'), { recursive: true });
  }
}

export async function freeBytes(folder) {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
