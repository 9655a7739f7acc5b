// The client, in a process of its own: its CPU time is not what is measured. Reads a job from stdin, prints what came of it.
//
//   { origin, headers, parallel, requests: [{ method, path, headers?, send?, receive?, sha256?, pages? }] }
//
// `send` is the length of the body, `receive` the length of the one that must come back, `sha256` its digest. `pages` asks
// on along `nextCursor`.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as open } from 'node:http';
import { json } from 'node:stream/consumers';
import { bodyOf } from './test-bytes.mjs';

const job = await json(process.stdin);
const agent = new Agent({ keepAlive: true, maxSockets: job.parallel, scheduling: 'fifo' });
const waiting = [...job.requests].reverse();
const answered = { milliseconds: [], failures: [], entries: 0 };

const begin = performance.now();
await Promise.all(Array.from({ length: job.parallel }, work));
const seconds = (performance.now() - begin) / 1000;
agent.destroy();
console.log(JSON.stringify({ seconds, ...answered }));

async function work() {
  for (let wanted = waiting.pop(); wanted; wanted = waiting.pop()) {
    try {
      await (wanted.pages ? readPages(wanted) : timed(wanted));
    } catch (error) {
      answered.failures.push(`${wanted.method} ${wanted.path}: ${error.message}`);
    }
  }
}

async function timed(wanted) {
  const from = performance.now();
  const result = await exchange(wanted);
  answered.milliseconds.push(performance.now() - from);
  if (wanted.entries) answered.entries += result.split(wanted.entries).length - 1;
  return result;
}

async function readPages(wanted) {
  for (let cursor = ''; cursor !== undefined;) {
    const page = JSON.parse(await timed({ ...wanted, keep: true, path: wanted.path + cursor }));
    answered.entries += page.items.length;
    cursor = page.nextCursor === undefined ? undefined : `&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
}

async function exchange(wanted) {
  const headers = { ...job.headers, ...wanted.headers };
  if (wanted.send !== undefined) headers['Content-Length'] = wanted.send;
  const request = open(job.origin + wanted.path, { method: wanted.method, headers, agent });
  const response = once(request, 'response');
  response.catch(() => {});
  for (const piece of bodyOf(wanted.send ?? 0)) {
    if (!request.write(piece)) await Promise.race([once(request, 'drain'), response]);
  }
  request.end();
  return take((await response)[0], wanted);
}

async function take(response, wanted) {
  const hash = wanted.sha256 && createHash('sha256');
  const kept = [];
  let received = 0;
  for await (const piece of response) {
    received += piece.length;
    hash?.update(piece);
    if (wanted.keep || wanted.entries || response.statusCode >= 400) kept.push(piece);
  }
  const text = Buffer.concat(kept).toString();
  if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${text.slice(0, 300)}`);
  if (wanted.receive !== undefined && received !== wanted.receive) throw new Error(`${received} bytes came`);
  if (hash && hash.digest('hex') !== wanted.sha256) throw new Error('other bytes came than were stored');
  return text;
}
