import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Passing {
  readonly path: string;
  readonly sent: Buffer;
  readonly answered: Buffer;
}

export interface Front {
  readonly origin: string;
  /** The next answer to this path waits until it is let go; what asked for it has been carried out by `there`. */
  hold(path: string): { readonly there: Promise<void>; letGo(): void };
  stop(): void;
}

/** Stands before a double: hands everything on, tells what passes, and can keep an answer back. */
export async function startFrontOf(target: string, tell: (passing: Passing) => void = () => {}): Promise<Front> {
  const holds = new Map<string, { arrived(): void; gone: Promise<void> }>();
  const server = createServer(async (incoming, outgoing) => {
    const sent = await buffer(incoming);
    const { method, headers, url = '' } = incoming;
    const onward = request(new URL(url, target), { method, headers }, async (answer) => {
      const answered = await buffer(answer);
      const path = url.split('?')[0]!;
      tell({ path, sent, answered });
      const held = holds.get(path);
      holds.delete(path);
      held?.arrived();
      await held?.gone;
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(answered);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold(path) {
      const [there, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      holds.set(path, { arrived: there.resolve, gone: gone.promise });
      return { there: there.promise, letGo: gone.resolve };
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
