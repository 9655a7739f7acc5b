// What processes cost, as the kernel counts it. Linux only, as the whole bench.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU seconds, user and system, of a process and all below it, those included that have ended and were waited for. */
export function cpuSecondsOfTree(pid) {
  const processes = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const state = stateOf(name);
    if (state) processes.set(Number(name), state);
  }
  if (!processes.has(pid)) throw new Error(`process ${pid} is gone`);
  const belongs = (id) => id === pid || (processes.has(id) && belongs(processes.get(id).parent));
  let ticks = 0;
  for (const [id, state] of processes) if (belongs(id)) ticks += state.ticks;
  return ticks / TICKS_PER_SECOND;
}

function stateOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; after it come state, parent, …
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
    return { parent: Number(fields[1]), ticks };
  } catch {
    return null;
  }
}

/** The most resident memory since the last `forgetPeak`, in MB. */
export function peakMegabytes(pid) {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return (Number(kibibytes) * 1024) / 1e6;
}

export function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** What this run needs of the environment; nothing that npm adds, so that children start as from a shell. */
export function plainEnvironment(more = {}) {
  const path = process.env.PATH.split(':').filter((folder) => !folder.includes('node_modules'));
  return { PATH: path.join(':'), HOME: process.env.HOME, ...more };
}

const running = new Set();

/** A child that ends with the bench. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const log = { text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (log.text = (log.text + text).slice(-10_000)));
  const ended = once(child, 'close').then(
    () => {},
    (error) => (log.text += error.message),
  );
  running.add(child);
  void ended.then(() => running.delete(child));
  return {
    child,
    ended,
    get log() {
      return log.text;
    },
    get isRunning() {
      return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
    },
    async stop() {
      if (this.isRunning) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** However the bench ends, nothing of it runs on. */
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again every few milliseconds until the address answers with a good status. */
export async function untilAnswered(url, process, patienceMs = 60_000) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    if (!process.isRunning || performance.now() > deadline) throw new Error(`${url} does not answer:\n${process.log}`);
    await pause(5);
  }
}
