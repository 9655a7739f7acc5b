// Builds what is stale and becomes the gateway: in this very process, so that signals need no one to pass them on.
import { mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { buildIfStale } from './build.mjs';
import { markRunning } from './running.mjs';

markRunning();
buildIfStale();
// Flushing files to disk waits in libuv's threads; four of them serve too few uploads at once.
process.env.UV_THREADPOOL_SIZE ??= '16';
const cache = join(import.meta.dirname, '..', 'node_modules', '.cache', 'compiled');
mkdirSync(cache, { recursive: true });
enableCompileCache(cache);
// Started by npm it goes with npm, also when npm is killed and can pass on no signal.
if (process.env.npm_lifecycle_event === 'start') {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.kill(process.pid, 'SIGTERM'), 500).unref();
}

await import('../dist/src/main.js');
