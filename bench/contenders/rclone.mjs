import { execFileSync } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, plainEnvironment, start, untilAnswered } from '../processes.mjs';

/** What a name list may be long at once, as arguments of a command. */
const NAMES_AT_ONCE = 2000;

export function rcloneVersion() {
  try {
    return execFileSync('rclone', ['version'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    return null;
  }
}

/** `rclone serve webdav` over a `crypt` remote in a folder: what somebody would run today for sealed files behind a protocol. */
export async function startRclone(place) {
  const folder = join(place, 'rclone');
  const config = join(place, 'rclone.conf');
  await mkdir(folder, { recursive: true });
  const password = execFileSync('rclone', ['obscure', 'a password for the bench'], { encoding: 'utf8' }).trim();
  await writeFile(config, `[sealed]\ntype = crypt\nremote = ${folder}\npassword = ${password}\n`);
  const port = await freePort();
  const server = start('rclone', ['serve', 'webdav', 'sealed:', '--addr', `127.0.0.1:${port}`, '--config', config], {
    env: plainEnvironment(),
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilAnswered(`${origin}/`, server);
  return {
    name: 'rclone',
    pid: server.child.pid,
    origin,
    headers: {},
    path: (name) => `/${name}`,
    makeFolder: (name) => makeFolder(`${origin}/${name}/`),
    forgetFolders: () => void process.kill(server.child.pid, 'SIGHUP'),
    seed: (name, count) => seed(folder, config, name, count),
    stop: () => server.stop(),
  };
}

async function makeFolder(url) {
  const { status } = await fetch(url, { method: 'MKCOL' });
  if (status !== 201) throw new Error(`MKCOL was answered ${status}`);
}

/** Files as crypt names them, long enough for 4 KiB, without asking the server for each. */
async function seed(folder, config, name, count) {
  for (let from = 0; from < count; from += NAMES_AT_ONCE) {
    const paths = Array.from({ length: Math.min(NAMES_AT_ONCE, count - from) }, (_, i) => `${name}/${from + i}.txt`);
    const args = ['cryptdecode', '--reverse', 'sealed:', ...paths, '--config', config];
    const lines = execFileSync('rclone', args, { encoding: 'utf8', maxBuffer: 1e8 }).trim().split('\n');
    for (const line of lines) {
      const path = join(folder, line.split('\t')[1].trim());
      if (from === 0 && line === lines[0]) await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, '');
      await truncate(path, 32 + 16 + 4096);
    }
  }
}
