// Checks and tests everything, and ends with one line that counts the tests. A skipped test counts as a failed one.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import './install-debian-packages.mjs';
import { buildIfStale } from './build.mjs';

const root = dirname(import.meta.dirname);
const report = join(root, '.tessera', 'test-report.json');
const npm = process.env.npm_execpath ? [process.env.npm_node_execpath, process.env.npm_execpath] : ['npm'];

const complaints = [];
if (!run([...npm, 'run', '--silent', 'check'])) complaints.push('npm run check');
buildIfStale();

mkdirSync(dirname(report), { recursive: true });
rmSync(report, { force: true });
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const succeeded = run([process.execPath, vitest, 'run', ...reporters, ...process.argv.slice(2)]);

const { passed, failed } = count();
// Vitest also fails for what is no test: a file that does not load, an error that nobody caught.
if (!succeeded && failed === 0) complaints.push('vitest');
for (const complaint of complaints) console.log(`${complaint} failed; see above.`);
const failures = failed + complaints.length;
console.log(`${passed} passed, ${failures} failed`);
process.exit(failures === 0 && passed > 0 ? 0 : 1);

function run([command, ...args]) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function count() {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    const skipped = result.numPendingTests + result.numTodoTests;
    if (skipped > 0) console.log(`${skipped} tests were skipped.`);
    return { passed: result.numPassedTests, failed: result.numFailedTests + skipped };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
