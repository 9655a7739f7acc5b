// Which gateways run out of this checkout, so that nobody takes their modules away. Needs nothing but Node 18.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), '.tessera', 'running');

/** For as long as this process lives. */
export function markRunning() {
  const mark = join(FOLDER, String(process.pid));
  try {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(mark, '');
  } catch {
    // Who may not write here installs nothing here either.
    return;
  }
  process.once('exit', () => rmSync(mark, { force: true }));
}

/** The ids of their processes. Marks of those that were killed are taken away. */
export function runningGateways() {
  let marks = [];
  try {
    marks = readdirSync(FOLDER);
  } catch {
    // Nothing has run yet.
  }
  const alive = marks.filter((mark) => isGateway(Number(mark)));
  for (const mark of marks) if (!alive.includes(mark)) rmSync(join(FOLDER, mark), { force: true });
  return alive.map(Number);
}

/** An id may belong to somebody else by now: where the system tells what a process is, that counts. */
function isGateway(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('start.mjs');
  } catch {
    return process.platform !== 'linux';
  }
}
