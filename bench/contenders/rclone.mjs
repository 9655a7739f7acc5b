import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, plainEnvironment, start, untilAnswered } from '../processes.mjs';

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
  mkdirSync(folder, { recursive: true });
  const password = execFileSync('rclone', ['obscure', 'a password for the bench'], { encoding: 'utf8' }).trim();
  writeFileSync(config, `[sealed]\ntype = crypt\nremote = ${folder}\npassword = ${password}\n`);
  const [port, control] = [await freePort(), await freePort()];
  const addresses = ['--addr', `127.0.0.1:${port}`, '--rc', '--rc-no-auth', '--rc-addr', `127.0.0.1:${control}`];
  const server = start('rclone', ['serve', 'webdav', 'sealed:', '--config', config, ...addresses], {
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
    /** It keeps listings for minutes; a first look is what is compared. */
    forgetFolders: () => fetch(`http://127.0.0.1:${control}/vfs/forget`, { method: 'POST' }),
    seed: (name, count) => seed(place, config, name, count),
    stop: () => server.stop(),
  };
}

async function makeFolder(url) {
  const { status } = await fetch(url, { method: 'MKCOL' });
  if (status !== 201) throw new Error(`MKCOL was answered ${status}`);
}

/** Files in a folder, as crypt would lay them down, without asking the server for each: a listing reads names only. */
function seed(place, config, name, count) {
  const plain = join(place, 'plain');
  mkdirSync(join(plain, name), { recursive: true });
  for (let index = 0; index < count; index++) writeFileSync(join(plain, name, `${index}.txt`), '');
  execFileSync('rclone', ['copy', plain, 'sealed:', '--config', config, '--no-traverse', '--no-check-dest']);
  rmSync(plain, { recursive: true });
}
