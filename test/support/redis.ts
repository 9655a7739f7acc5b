import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface TestRedis {
  /** REDIS_URL. */
  readonly url: string;
  /** kill -9. What it held is gone. */
  kill(): Promise<void>;
  /** At the same place. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

/** A real redis-server of the test's own, on a socket. Not there? Then the test fails: it is not skipped. */
export async function startRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-redis-'));
  const socket = join(folder, 'socket');
  let server = await launch(socket);
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  return {
    url: `unix://${socket}`,
    kill,
    async startAgain() {
      server = await launch(socket);
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(socket: string): Promise<ChildProcess> {
  await rm(socket, { force: true });
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  const failed = once(server, 'error').then(([error]) => {
    throw new Error('These tests need redis-server: apt-get install redis-server', { cause: error });
  });
  const answers = (async () => {
    while (
      !(await access(socket).then(
        () => true,
        () => false,
      ))
    )
      await pause(5);
  })();
  await Promise.race([answers, failed]);
  return server;
}
