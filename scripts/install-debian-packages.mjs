// Installs the Debian packages that the tests need, where that is possible: as root, with apt. Says so where it is not.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const wanted = readFileSync(join(import.meta.dirname, 'debian-packages.txt'), 'utf8')
  .split('\n')
  .map((line) => line.replace(/#.*/, '').trim())
  .filter((line) => line !== '');

const missing = wanted.filter((name) => !isInstalled(name));
if (missing.length > 0) install(missing);

function isInstalled(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' });
  return (stdout ?? '').endsWith(' installed');
}

function install(names) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).error) {
    return console.warn(`The tests may need programs that are not here: ${names.join(' ')}`);
  }
  console.log(`Installing ${names.join(' ')} …`);
  // No service is to start: the tests start their own.
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...names],
  ]) {
    const result = spawnSync('apt-get', args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    if (result.status !== 0) console.warn(`apt-get ${args[0]} did not succeed.`);
  }
}
