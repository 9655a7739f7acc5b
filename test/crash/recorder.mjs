// Loaded into a real gateway before anything else: finds every boundary between it and the database, the disk and the
// client while one marked request is served, and kills the gateway at any of them. Boundaries are found by recording, not
// by hand: whatever the request does, and whatever it sets off, passes here.
//
//   x-crash-record: FILE   writes the name of each boundary that the request passes into the file
//   x-crash-at: NAME       SIGKILL at this one
//
// CRASH_UPKEEP_RECORD and CRASH_UPKEEP_AT mark the first round of upkeep instead, which begins when the gateway is ready.
//
// CRASH_JOB_RECORD and CRASH_JOB_AT, with the kind in CRASH_JOB, mark every attempt at such a job.
//
// A boundary's name says what, whether before it or after its effect (before the caller hears of it), and the how manieth of
// its kind, so that it means the same in every run although chunks are on their way side by side.
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { appendFileSync, constants, promises } from 'node:fs';
import { Server, ServerResponse } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import pg from 'pg';

/** What serves the marked request, however deep: background work is outside. */
const marked = new AsyncLocalStorage();

class Mark {
  #counts = new Map();

  constructor(
    /** Where boundaries are written down, or undefined. */
    file,
    /** The one to die at, or undefined. */
    at,
  ) {
    this.file = file;
    this.at = at;
  }

  pass(what, when) {
    const kind = `${what}, ${when}`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const name = `${kind} (${count})`;
    if (this.file !== undefined) appendFileSync(this.file, `${name}\n`);
    if (this.at !== name) return;
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  }
}

const serve = Server.prototype.emit;
Server.prototype.emit = function emit(event, request, ...rest) {
  const headers = event === 'request' || event === 'checkContinue' ? request.headers : {};
  const [file, at] = [headers['x-crash-record'], headers['x-crash-at']];
  if (file === undefined && at === undefined) return serve.call(this, event, request, ...rest);
  const name = at === undefined ? undefined : decodeURIComponent(at);
  return marked.run(new Mark(file, name), () => serve.call(this, event, request, ...rest));
};

/** Wraps a method that answers by a promise: a boundary before it, one after its effect. */
function watch(owner, name, describe) {
  const original = owner[name];
  owner[name] = function watched(...args) {
    const mark = marked.getStore();
    const what = mark && describe(this, args);
    if (!what) return original.apply(this, args);
    mark.pass(what, 'before');
    return original.apply(this, args).finally(() => mark.pass(what, 'after'));
  };
}

watch(pg.Client.prototype, 'query', (_client, [query]) => {
  const { name, text = query } = query;
  return `sql ${name ?? text.trim().replace(/\s+/g, ' ').slice(0, 48)}`;
});

for (const name of ['unlink', 'rmdir', 'mkdir', 'truncate', 'writeFile', 'appendFile', 'rm']) {
  watch(promises, name, (_fs, [path]) => `${name} ${role(path)}`);
}
for (const name of ['rename', 'link', 'symlink', 'copyFile', 'cp']) {
  watch(promises, name, (_fs, [, path]) => `${name} to ${role(path)}`);
}
const WRITES = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT;
watch(promises, 'open', (_fs, [path, flags = 'r']) => {
  const changes = typeof flags === 'number' ? flags & WRITES : flags !== 'r';
  return changes ? `open ${role(path)}` : null;
});

/** Which file a handle belongs to. */
const paths = new WeakMap();
const open = promises.open;
promises.open = async (path, ...rest) => {
  const handle = await open(path, ...rest);
  paths.set(handle, path);
  return handle;
};
const probe = await open('/dev/null');
const handles = Object.getPrototypeOf(probe);
await probe.close();
for (const name of ['write', 'writev', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate']) {
  watch(handles, name, (handle) => `${name} ${role(paths.get(handle) ?? '')}`);
}
syncBuiltinESMExports();

const ROLES = [
  [/\/[a-z2-7]{26}$/, 'blob'],
  [/\/staging\/[0-9a-f-]{36}\/\d+$/, 'half-written blob'],
  [/\/staging\/[0-9a-f-]{36}$/, 'opener’s staging'],
  [/\/stage-[0-9a-f]+$/, 'waiting chunk'],
  [/\/[0-9a-f]{32}$/, 'our folder'],
  [/\/[a-z2-7]{2}$/, 'shelf'],
];

/** What a path is for, without what is random in it. */
function role(path) {
  return ROLES.find(([pattern]) => pattern.test(path))?.[1] ?? basename(String(path));
}

const { writeHead, end } = ServerResponse.prototype;
ServerResponse.prototype.writeHead = function head(...args) {
  marked.getStore()?.pass('answer', 'before');
  return writeHead.apply(this, args);
};
ServerResponse.prototype.end = function ended(...args) {
  const mark = marked.getStore();
  // Only then the system has all of it.
  if (mark) this.once('finish', () => mark.pass('answer', 'after'));
  return end.apply(this, args);
};

const { CRASH_JOB: kindOfJob, CRASH_JOB_RECORD: jobFile, CRASH_JOB_AT: jobAt } = process.env;
if (kindOfJob) {
  const jobMark = new Mark(jobFile, jobAt);
  channel('tessera.job').bindStore(marked, ({ kind }) => (kind === kindOfJob ? jobMark : undefined));
}

const { CRASH_UPKEEP_RECORD: upkeepFile, CRASH_UPKEEP_AT: upkeepAt } = process.env;
const upkeepMark = upkeepFile || upkeepAt ? new Mark(upkeepFile, upkeepAt) : undefined;
const { setTimeout: later } = globalThis;

/** The first round is run at once and under the mark; when it asks for the next one, it is over. */
function asksForRound(work) {
  const caller = upkeepMark && new Error().stack.split('\n')[3];
  if (!caller?.includes('upkeep-rounds')) return false;
  if (marked.getStore() === upkeepMark) upkeepMark.pass('the round is over', 'after');
  else later(() => marked.run(upkeepMark, work), 0);
  return true;
}

// Background rounds would do a part of the request's work before it comes, at one time and not at another: they stand still.
for (const name of ['setTimeout', 'setInterval']) {
  const original = globalThis[name];
  const stands = (ms) => ms >= 1000 && marked.getStore() === undefined;
  globalThis[name] = (work, ms, ...args) =>
    asksForRound(work) || stands(ms) ? original(() => {}, 2 ** 31 - 1).unref() : original(work, ms, ...args);
}
