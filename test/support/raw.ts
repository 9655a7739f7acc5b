import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestGateway } from './gateway.js';

export interface RawConnection extends Disposable {
  readonly socket: Socket;
  /** Everything that has come so far, one character for each byte. */
  received(): string;
  write(text: string | Buffer): Promise<void>;
  /** Waits until what has come matches, or throws with it when the connection ends before or time runs out. */
  until(pattern: RegExp, ms?: number): Promise<string>;
  /** Waits for the end of the connection; answers all that came. */
  end(ms?: number): Promise<string>;
}

/** A connection on which a test writes requests that no client would. */
export async function rawConnection(gateway: Pick<TestGateway, 'url'>): Promise<RawConnection> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.setNoDelay(true);
  let text = '';
  socket.on('data', (piece) => (text += piece.toString('latin1')));
  socket.on('error', () => {});
  const wait = async (done: () => boolean, ms: number): Promise<void> => {
    const deadline = AbortSignal.timeout(ms);
    while (!done()) {
      if (socket.closed) throw new Error(`The connection ended after: ${text}`);
      const woken = new AbortController();
      const { signal } = woken;
      const any = AbortSignal.any([signal, deadline]);
      await Promise.race([once(socket, 'data', { signal: any }), once(socket, 'close', { signal: any })]).catch(() => {
        throw new Error(`Nothing more came in ${ms} ms after: ${text}`);
      });
      woken.abort();
    }
  };
  return {
    socket,
    received: () => text,
    write: async (bytes) => {
      if (!socket.write(bytes, 'latin1' as never) && !socket.destroyed) await once(socket, 'drain').catch(() => {});
    },
    until: async (pattern, ms = 10_000) => {
      await wait(() => pattern.test(text), ms);
      return text;
    },
    end: async (ms = 10_000) => {
      await wait(() => socket.closed, ms).catch((error: Error) => {
        if (!socket.closed) throw error;
      });
      return text;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The status of the first answer that is not «100 Continue». */
export function statusOf(text: string): number {
  const [, status] = /^(?:HTTP\/1\.1 1\d\d[^]*?\r\n\r\n)*HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
  return Number(status);
}
