import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { S3Server } from './s3-server.js';

/** OpenStack Swift, all of it, with its S3 side. From Debian: swift-proxy, swift-account, swift-container, swift-object. */
export async function startSwift(): Promise<S3Server> {
  const accessKeyId = 'test:tester';
  const secretAccessKey = 'testing';
  const program = join(import.meta.dirname, 'all-of-swift.py');
  // In memory where there is room: it flushes whatever it writes.
  const child = spawn('/usr/bin/python3', [program, accessKeyId, secretAccessKey, '/dev/shm', tmpdir()], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints += text));
  const closed = once(child, 'close');
  const { port, folder } = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => JSON.parse(line) as { port: number; folder: string }),
    closed.then(() => Promise.reject(new Error(`Swift did not start: ${complaints}`))),
  ]);
  const stop = async (): Promise<void> => {
    child.kill();
    await closed;
    await rm(folder, { recursive: true, force: true });
  };
  return { endpoint: `http://127.0.0.1:${port}`, accessKeyId, secretAccessKey, stop };
}
