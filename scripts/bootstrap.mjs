// Installs what is missing. Runs before every script, on whatever Node the machine has (18 or later), with nothing installed yet.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 24;
const LONGEST_INSTALL_MS = 15 * 60_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.tessera-installed');
const lock = join(root, '.tessera', 'install.lock');

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');

if (!isInstalled()) oneAtATime(() => isInstalled() || install());

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

function install() {
  console.log('Installing what Tessera needs …');
  rmSync(stamp, { force: true });
  const result = runNpm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']);
  if (result.status !== 0) giveUp('npm ci did not succeed; what it printed above says why.');
  checkNode();
  writeFileSync(stamp, wanted);
}

/** With the Node that runs npm: the one in node_modules is about to be deleted. */
function runNpm(args) {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(node_env|npm_config_(omit|include|ignore_scripts|production))$/i.test(name),
    ),
  );
  const options = { cwd: root, env: environment, stdio: ['ignore', 'inherit', 'inherit'] };
  const { npm_node_execpath: node, npm_execpath: npm } = process.env;
  if (node && npm) return spawnSync(node, [npm, ...args], options);
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

function checkNode() {
  const bundled = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
  let version = process.versions.node;
  try {
    version = execFileSync(bundled, ['-p', 'process.versions.node'], { shell: process.platform === 'win32' })
      .toString()
      .trim();
  } catch {
    // None for this platform: the machine's own must do.
  }
  if (Number(version.split('.')[0]) >= OLDEST_NODE) return;
  giveUp(`Tessera needs Node ${OLDEST_NODE} or later; here its scripts would run on ${version}.`);
}

/** Two starts on a bare checkout: one installs, the other waits for it. A lock whose holder is gone counts for nothing. */
function oneAtATime(work) {
  mkdirSync(dirname(lock), { recursive: true });
  const deadline = Date.now() + LONGEST_INSTALL_MS;
  while (!tryLock()) {
    if (Date.now() > deadline) giveUp(`Another installation does not end; if there is none, remove ${lock}.`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock() {
  try {
    const file = openSync(lock, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    process.on('exit', () => rmSync(lock, { force: true }));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (holderIsGone()) rmSync(lock, { force: true });
    return false;
  }
}

function holderIsGone() {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid === 0) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function giveUp(message) {
  console.error(message);
  process.exit(1);
}
