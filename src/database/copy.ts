import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** What the driver hands to a statement that copies; it has no name for it in its types. */
interface Wire {
  readonly stream: Duplex;
  query(text: string): void;
  sendCopyFromChunk(piece: Uint8Array): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Rows are gathered until there is so much, and the server is not read on while so many pieces wait. */
const PIECE = 256 * 1024;
const MOST_WAITING = 4;

/** What the driver calls while the statement runs, in both directions. */
abstract class Copy {
  protected wire: Wire | undefined;
  protected readonly ended = Promise.withResolvers<number>();

  constructor(private readonly text: string) {
    // Whoever waits hears of it; a failure before anybody does is not one that nobody caught.
    this.ended.promise.catch(() => {});
  }

  submit(connection: unknown): void {
    this.wire = connection as Wire;
    this.wire.query(this.text);
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.rows = Number(/^COPY (\d+)$/.exec(text)?.[1]);
  }

  handleReadyForQuery(): void {
    this.ended.resolve(this.rows);
  }

  handleError(error: Error): void {
    this.ended.reject(error);
  }

  private rows = NaN;
}

class CopyOut extends Copy {
  private readonly waiting: Buffer[] = [];
  private block = Buffer.allocUnsafe(PIECE);
  private filled = 0;
  private over = false;
  private wake = (): void => {};

  /** The driver reuses its buffer: what is to stay is copied. */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.copy(this.block, this.filled, at);
      this.filled += taken;
      at += taken;
      if (this.filled === PIECE) this.push();
    }
    if (this.waiting.length > MOST_WAITING) this.wire?.stream.pause();
  }

  override handleReadyForQuery(): void {
    if (this.filled > 0) this.push();
    this.finish();
    super.handleReadyForQuery();
  }

  override handleError(error: Error): void {
    super.handleError(error);
    this.finish();
  }

  async *pieces(): AsyncGenerator<Buffer, number> {
    for (;;) {
      const piece = this.waiting.shift();
      if (piece) yield piece;
      else if (this.over) return await this.ended.promise;
      else {
        this.wire?.stream.resume();
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }

  private push(): void {
    this.waiting.push(this.block.subarray(0, this.filled));
    this.block = Buffer.allocUnsafe(PIECE);
    this.filled = 0;
    this.wake();
  }

  private finish(): void {
    this.over = true;
    this.wake();
  }
}

class CopyIn extends Copy {
  private failed = false;

  constructor(
    text: string,
    private readonly source: AsyncIterable<Uint8Array>,
  ) {
    super(text);
  }

  get done(): Promise<number> {
    return this.ended.promise;
  }

  handleCopyInResponse(): void {
    void this.send();
  }

  override handleError(error: Error): void {
    this.failed = true;
    super.handleError(error);
  }

  private async send(): Promise<void> {
    const wire = this.wire!;
    try {
      for await (const piece of this.source) {
        if (this.failed) return;
        wire.sendCopyFromChunk(piece);
        if (wire.stream.writableNeedDrain) await Promise.race([once(wire.stream, 'drain'), this.ended.promise]);
      }
      if (!this.failed) wire.endCopyFrom();
    } catch (error) {
      // The source's own error says more than the one with which the server answers.
      this.ended.reject(error);
      wire.sendCopyFail('The source ended early.');
    }
  }
}

/**
 * What a `COPY … TO STDOUT` gives, in pieces of some 256 KiB, read from the server as they are taken; the generator's own
 * result is the number of rows. Who stops early must end the client.
 */
export function copyOut(client: pg.Client, text: string): AsyncGenerator<Buffer, number> {
  const copy = new CopyOut(text);
  client.query(copy);
  return copy.pieces();
}

/** Feeds a `COPY … FROM STDIN`; answers the number of rows. Throws what the source throws, and then nothing was copied. */
export function copyIn(client: pg.Client, text: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const copy = new CopyIn(text, source);
  client.query(copy);
  return copy.done;
}
