import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { AccessRefused, ConnectionAway, ConsentWithdrawn } from '#storage';
import { Config } from '../../config/index.js';
import { GatewayLease } from '../../gateways/index.js';
import { ConnectionUnknown } from '../errors.js';
import { onLines, parsed } from './lines.js';
import { Answer, type Question } from './questions.js';

type Asked = Question extends infer One ? (One extends Question ? Omit<One, 'n'> : never) : never;

const PATIENCE_MS = 30_000;
const AGAIN_MS = 1_000;

/** A worker's line to its gateway: connected when something is asked, and again when it broke. */
@Injectable()
export class AskGateway implements OnApplicationShutdown {
  private readonly log = new Logger('workers');
  private readonly waiting = new Map<number, PromiseWithResolvers<Answer>>();
  private line: Promise<Socket> | undefined;
  private asked = 0;
  private stopped = false;

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly lease: GatewayLease,
  ) {
    // Under the new lease it introduces itself anew.
    lease.onRebirth(() => void this.line?.then((socket) => socket.destroy()).catch(() => {}));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    await this.line?.then((socket) => socket.destroy()).catch(() => {});
  }

  /** Throws ConnectionUnknown, ConsentWithdrawn, AccessRefused as the gateway does; ConnectionAway where it does not answer. */
  async ask(question: Asked): Promise<Answer> {
    const n = (this.asked += 1);
    const answering = Promise.withResolvers<Answer>();
    answering.promise.catch(() => {});
    this.waiting.set(n, answering);
    const late = setTimeout(() => answering.reject(noAnswer()), PATIENCE_MS);
    try {
      const socket = await this.connected();
      socket.write(`${JSON.stringify({ n, ...question })}\n`);
      return heeded(await answering.promise);
    } finally {
      clearTimeout(late);
      this.waiting.delete(n);
    }
  }

  private connected(): Promise<Socket> {
    if (this.stopped) return Promise.reject(noAnswer());
    this.line ??= this.connect().catch(async (error: unknown) => {
      this.log.warn('The gateway does not answer; it is asked again.');
      await pause(AGAIN_MS, undefined, { ref: false });
      this.line = undefined;
      throw error;
    });
    return this.line;
  }

  private async connect(): Promise<Socket> {
    const socket = createConnection(this.config.workerSocket!);
    socket.on('error', () => {});
    await once(socket, 'connect').catch(() => {
      throw noAnswer();
    });
    socket.once('close', () => {
      this.line = undefined;
      for (const one of this.waiting.values()) one.reject(noAnswer());
    });
    onLines(socket, (line) => this.take(line));
    socket.write(`${JSON.stringify({ lease: this.lease.id })}\n`);
    return socket;
  }

  private take(line: string): void {
    const answer = Answer.safeParse(parsed(line));
    if (answer.success) this.waiting.get(answer.data.n)?.resolve(answer.data);
  }
}

const noAnswer = (): ConnectionAway => new ConnectionAway('The gateway that opens connections does not answer.');

function heeded(answer: Answer): Answer {
  if (!('fault' in answer)) return answer;
  if (answer.fault === 'unknown') throw new ConnectionUnknown();
  if (answer.fault === 'consent') throw new ConsentWithdrawn();
  if (answer.fault === 'refused') throw new AccessRefused(answer.message);
  throw new ConnectionAway(answer.message);
}
