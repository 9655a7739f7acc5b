import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What fits a socket's address (107 bytes on Linux, 103 on macOS) with the file's own name. */
const LONGEST_FOLDER = 85;

/** A 0700 folder for the socket: inside the data folder, or in the temporary one where that path is too long for a socket. */
export async function makeSocketFolder(dataFolder: string): Promise<string> {
  const note = join(dataFolder, 'socket-folder');
  const former = await readFile(note, 'utf8').catch(() => '');
  if (former.startsWith(join(tmpdir(), 'tessera-'))) await rm(former, { recursive: true, force: true });
  const near = join(dataFolder, 'run');
  if (Buffer.byteLength(near) <= LONGEST_FOLDER) {
    await mkdir(near, { recursive: true, mode: 0o700 });
    await chmod(near, 0o700);
    return near;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tessera-'));
  await writeFile(note, folder);
  return folder;
}

/** Where it was made last, if it was: for who looks whether a gateway runs. */
export async function socketFolderOf(dataFolder: string): Promise<string> {
  const near = join(dataFolder, 'run');
  if (Buffer.byteLength(near) <= LONGEST_FOLDER) return near;
  return readFile(join(dataFolder, 'socket-folder'), 'utf8').catch(() => near);
}
