import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuSecondsOfTree, forgetPeak, peakMegabytes } from './processes.mjs';

/** What follows an answer (noting it in the record, flushing) belongs to its price. */
const SETTLING_MS = 300;

/** Puts a load on a contender; what it took of CPU, time and memory. Throws when a request was not answered as it must be. */
export async function measure(contender, requests, parallel = 1) {
  forgetPeak(contender.pid);
  const before = cpuSecondsOfTree(contender.pid);
  const { seconds, milliseconds, failures, entries } = await runLoad(contender, requests, parallel);
  await pause(SETTLING_MS);
  const cpu = cpuSecondsOfTree(contender.pid) - before;
  if (failures.length > 0) throw new Error(`${failures.length} requests failed, the first: ${failures[0]}`);
  return { cpu, seconds, milliseconds, entries, peak: peakMegabytes(contender.pid) };
}

async function runLoad({ origin, headers }, requests, parallel) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'load.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify({ origin, headers, parallel, requests }));
  const output = await text(child.stdout);
  if (child.exitCode === null) await once(child, 'exit');
  return JSON.parse(output);
}

/** A B C A B C …: what disturbs the machine meets all of them. Answers a list of measurements by the contender's name. */
export async function inTurns(contenders, rounds, work) {
  const found = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) found[contender.name].push(await work(contender, round));
  }
  return found;
}

export function median(values) {
  return quantile(values, 0.5);
}

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
