import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A program that a test has started, and stops again by its process. */
export class RealServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly said: () => string,
  ) {}

  /** Returns when the port answers. Not there? Then the test fails: it is not skipped. */
  static async start(program: string, args: readonly string[], port: number): Promise<RealServer> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (words) => (said = (said + words).slice(-4000)));
    const failed = once(child, 'error').then(([error]) => {
      throw new Error(`These tests need ${program}: scripts/debian-packages.txt names its package`, { cause: error });
    });
    const server = new RealServer(child, () => said);
    await Promise.race([failed, server.answers(port)]);
    return server;
  }

  async stop(): Promise<void> {
    if (this.over) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await Promise.race([ended, pause(3000, undefined, { ref: false })]);
    if (this.over) return;
    this.child.kill('SIGKILL');
    await ended;
  }

  private get over(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async answers(port: number): Promise<void> {
    while (!(await isOpen(port))) {
      if (this.over) throw new Error(`a server ended before it answered: ${this.said()}`);
      await pause(5);
    }
  }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
