import { createServer, type Server, type Socket } from 'node:net';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AccessRefused, ConsentWithdrawn, findProvider } from '#storage';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { isAlive } from '../../gateways/index.js';
import { Metrics } from '../../health/index.js';
import { ConnectionPool } from '../connection-pool.js';
import { connectionById, type ConnectionRow } from '../connections.store.js';
import { ConnectionUnknown } from '../errors.js';
import { KeptSecrets } from '../kept-secrets.js';
import { type Found, Markers } from '../marker.js';
import { prepareDoor } from './door-folder.js';
import { onLines, parsed } from './lines.js';
import { type Answer, Hello, Question } from './questions.js';

const LONELY_MS = 60_000;
/** More than one worker can have in hand. */
const MOST_QUESTIONS = 64;

/**
 * Where workers, which have no root key, ask for opened connections: a Unix socket in a folder that is ours alone. Whoever
 * asks names a lease that lives in the database. There are four questions, none of them about an account, a content or a
 * key; anything else ends the conversation.
 */
@Injectable()
export class WorkerDoor implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('workers');
  private readonly workers = new Set<Socket>();
  private server: Server | undefined;
  private lonely: NodeJS.Timeout | undefined;

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly secrets: KeptSecrets,
    private readonly markers: Markers,
    private readonly pool: ConnectionPool,
    metrics: Metrics,
  ) {
    if (config.workerSocket === null) return;
    const { workers } = this;
    metrics.gauge({
      name: 'tessera_workers_connected',
      help: 'Workers that ask this gateway for connections. None: nothing is repaired and nothing swept.',
      collect() {
        this.set(workers.size);
      },
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    const path = this.config.workerSocket;
    if (path === null) return;
    await prepareDoor(path);
    const server = createServer((socket) => this.welcome(socket));
    this.server = server;
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
    this.lonely = setInterval(() => {
      if (this.workers.size === 0) this.log.warn('No worker is connected: nothing is repaired and nothing swept.');
    }, LONELY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.lonely);
    const closed = new Promise<void>((resolve) => (this.server ? this.server.close(() => resolve()) : resolve()));
    for (const socket of this.workers) socket.destroy();
    await closed;
  }

  private welcome(socket: Socket): void {
    const visit = { known: false, asking: 0 };
    this.workers.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.workers.delete(socket));
    // One after the other until the lease is known; answers come as they are found.
    let before = Promise.resolve();
    onLines(socket, (line) => {
      before = before.then(() => this.hear(socket, visit, parsed(line))).catch(() => void socket.destroy());
    });
  }

  private async hear(socket: Socket, visit: { known: boolean; asking: number }, said: unknown): Promise<void> {
    const hello = Hello.safeParse(said);
    if (hello.success) {
      visit.known = await isAlive(this.database, hello.data.lease);
      if (!visit.known) socket.destroy();
      return;
    }
    const question = Question.safeParse(said);
    if (!visit.known || !question.success || visit.asking >= MOST_QUESTIONS) return void socket.destroy();
    visit.asking += 1;
    void this.answer(question.data).then((answer) => {
      visit.asking -= 1;
      if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
    });
  }

  private async answer(question: Question): Promise<Answer> {
    try {
      const row = await connectionById(this.database, question.connection);
      if (!row) throw new ConnectionUnknown();
      return { n: question.n, ...(await this.about(row, question)) };
    } catch (error) {
      return { n: question.n, ...inShort(error) };
    }
  }

  private async judge(row: ConnectionRow, sealed: Buffer | null): Promise<Found['whose']> {
    const { whose, sequence } = await this.markers.judge(row, sealed);
    if (whose === 'newer') await this.markers.heedNewer(row, sequence);
    return whose;
  }

  /** After all that lay there was lost: this gateway looks for itself, and writes the marker itself. */
  private async begin(row: ConnectionRow): Promise<boolean> {
    const provider = await this.pool.unchecked(row.id);
    try {
      if ((await this.markers.look(row, provider)).whose !== 'nobody') return false;
      await this.markers.beginAnew(row, provider);
      return true;
    } finally {
      await provider.close();
    }
  }

  private async about(row: ConnectionRow, question: Question): Promise<AnswerBody> {
    const consent = findProvider(row.provider)?.oauth !== undefined;
    switch (question.ask) {
      case 'open':
        return { settings: consent ? row.settings : await this.secrets.settings(row) };
      case 'marker':
        return { whose: await this.judge(row, bytesOf(question.sealed)) };
      case 'begin':
        return { begun: await this.begin(row) };
      case 'renew': {
        if (!consent) throw new ConnectionUnknown();
        const tokens = this.secrets.tokens(row);
        return { token: await (question.refused === null ? tokens.current() : tokens.renew(question.refused)) };
      }
    }
  }
}

type AnswerBody =
  { settings: Record<string, string> } | { whose: Found['whose'] } | { begun: boolean } | { token: string };

const bytesOf = (encoded: string | null): Buffer | null => (encoded === null ? null : Buffer.from(encoded, 'base64'));

/** Words of ours only: what went wrong inside is the gateway's to log, and may name what nobody asked for. */
function inShort(error: unknown): { fault: 'unknown' | 'away' | 'refused' | 'consent'; message: string } {
  if (error instanceof ConnectionUnknown) return { fault: 'unknown', message: error.message };
  if (error instanceof ConsentWithdrawn) return { fault: 'consent', message: error.message };
  if (error instanceof AccessRefused) return { fault: 'refused', message: error.message };
  return { fault: 'away', message: 'The gateway cannot open this connection now.' };
}
