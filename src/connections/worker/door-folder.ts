import { once } from 'node:events';
import { lstat, mkdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { Fault } from '#contracts';

/** Stops the start. The message is the one line that the operator reads. */
class DoorUnusable extends Fault {
  constructor(reason: string) {
    super(`TESSERA_WORKER_SOCKET ${reason}`);
  }
}

/**
 * Makes room for a socket at this path: in a folder that is ours alone, where nobody listens any more. A folder that is
 * there already is taken as it is or not at all: it may be anybody's.
 */
export async function prepareDoor(path: string): Promise<void> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new DoorUnusable(`cannot be made: ${folder} (${error.code}).`);
  });
  const { mode, uid } = await stat(folder);
  const own = uid === (process.getuid?.() ?? uid);
  if (made === undefined && (!own || (mode & 0o077) !== 0)) {
    throw new DoorUnusable(
      `must lie in a folder of its own, which nobody else may enter (mode 0700): ${folder} is not.`,
    );
  }
  const there = await lstat(path).catch(() => null);
  if (there === null) return;
  if (!there.isSocket()) throw new DoorUnusable('names a file that is there and is no socket.');
  if (await listens(path)) throw new DoorUnusable('is in use: another gateway listens there.');
  await rm(path, { force: true });
}

async function listens(path: string): Promise<boolean> {
  const line = createConnection(path);
  try {
    await once(line, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    line.destroy();
  }
}
