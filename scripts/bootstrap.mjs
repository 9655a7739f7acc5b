// Installs what is missing. Runs before every script, on whatever Node the machine has (18 or later), with nothing installed yet.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneAtATime } from './one-at-a-time.mjs';
import { runningGateways } from './running.mjs';

const OLDEST_NODE = 24;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.tessera-installed');

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');

// Two starts on a bare checkout: one installs, the other waits for it.
if (!isInstalled()) oneAtATime('install', () => isInstalled() || install());

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/**
 * `npm ci` takes node_modules away before it fills it anew, and any other install changes files in place: both would pull
 * Node, Postgres and modules out from under a gateway that runs. So while one does, nothing is installed.
 */
function install() {
  const running = existsSync(modules) ? runningGateways() : [];
  if (running.length > 0) {
    giveUp(
      `package-lock.json has changed, and a gateway of this checkout still runs with what was installed before (process ${running.join(', ')}). Stop it first; then run this command again.`,
    );
  }
  console.log('Installing what Tessera needs …');
  rmSync(stamp, { force: true });
  const result = runNpm(['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']);
  if (result.error) giveUp(`npm could not be started (${result.error.code}).`);
  if (result.status !== 0) {
    giveUp(
      'npm ci did not succeed; what it printed above says why. node_modules is not whole now: nothing runs until this command, run again, succeeds.',
    );
  }
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

function giveUp(message) {
  console.error(message);
  process.exit(1);
}
