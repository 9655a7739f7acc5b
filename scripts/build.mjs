// Compiles into dist/, when anything has changed since the last time. `--force` compiles anyway.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { oneAtATime } from './one-at-a-time.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCES = ['src', 'libs', 'migrations', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
const dist = join(root, 'dist');
const stamp = join(dist, '.built-from');

export function buildIfStale(force = false) {
  if (force || !isCurrent()) oneAtATime('build', () => (!force && isCurrent() ? undefined : build()));
}

function isCurrent() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === stateOfSources();
}

function build() {
  const state = stateOfSources();
  console.log('Building …');
  const fresh = join(root, `dist.${process.pid}`);
  try {
    compile(fresh);
    writeFileSync(join(fresh, '.built-from'), state);
    // Nothing stays of files that are gone: a migration that was removed must not run.
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function compile(outDir) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.build.json', '--outDir', outDir, '--noEmitOnError'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  if (result.status === 0) return;
  console.error('The build did not succeed.');
  process.exit(1);
}

function stateOfSources() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const path of filesUnder(join(root, source))) {
      const { size, mtimeMs } = statSync(path);
      hash.update(`${path}\0${size}\0${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildIfStale(process.argv.includes('--force'));
