import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ConnectionAway } from '../errors.js';
import { asNetworkFault } from './network-faults.js';

/** The head of an answer; its body still flows. Exactly one of `pieces`, `text` and `discard` has to be called. */
export class Answer {
  private read: (broken: boolean) => void = () => {};

  constructor(
    private readonly request: ClientRequest,
    private readonly message: IncomingMessage,
    private readonly signal: AbortSignal | undefined,
  ) {}

  get status(): number {
    return this.message.statusCode ?? 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.message.headers;
  }

  /** Calls when the body was read, cut off, or broke. */
  onRead(read: (broken: boolean) => void): void {
    this.read = read;
  }

  header(name: string): string | null {
    const value = this.headers[name];
    return typeof value === 'string' ? value : null;
  }

  /** Ends with the answer; throws ConnectionAway when it breaks off. A reader that stops early closes the socket. */
  async *pieces(): AsyncGenerator<Buffer> {
    let broken = false;
    try {
      for await (const piece of this.message) yield piece as Buffer;
    } catch (error) {
      this.signal?.throwIfAborted();
      broken = true;
      throw asNetworkFault(error);
    } finally {
      this.leave();
      this.read(broken);
    }
  }

  /** The whole body, when it is at most so long. */
  async bytes(longest: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of this.pieces()) {
      length += piece.length;
      if (length > longest) throw new ConnectionAway('The server answers with more than can be meant.');
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /** Nobody wants the body: a short one is read, so that the socket serves again, a longer one is cut off. */
  async discard(): Promise<void> {
    try {
      await this.bytes(16 * 1024);
    } catch {
      this.request.destroy();
    }
  }

  /** An answer that came before all was sent leaves a socket that nobody can use again. */
  private leave(): void {
    if (!this.message.readableEnded || !this.request.writableFinished) this.request.destroy();
  }
}
