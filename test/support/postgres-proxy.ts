import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PostgresProxy {
  /** The given database's URL, by way of the proxy. */
  readonly url: string;
  /**
   * Cuts the connection at the next message that holds the text: `before` Postgres has seen it, or `after` it was carried
   * out and answered, but before the answer arrives. Once.
   */
  cutAt(text: string, when: 'before' | 'after', options?: CutOptions): void;
  /**
   * Cuts the client's side there as well, but keeps the message: Postgres sees it only when it is let go, and believes the
   * client to be there until then. Once.
   */
  holdAt(text: string, options?: CutOptions): { held: Promise<void>; letGo(): void };
  /** Whether the last cut has come to pass. */
  readonly hasCut: boolean;
  /** Cuts every connection, and refuses new ones until `open`. */
  close(): void;
  open(): void;
  stop(): Promise<void>;
}

export interface CutOptions {
  /** Only on a connection on which a message with this text came first. */
  readonly following?: string;
}

interface Cut extends CutOptions {
  readonly text: string;
  readonly when: 'before' | 'after' | 'held';
  /** What to do with the message once the client was cut off. */
  readonly keep?: (send: () => void) => void;
}

/** Stands between a gateway and its Postgres, to lose what is under way. */
export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const realSocket = join(target.searchParams.get('host')!, `.s.PGSQL.${target.port}`);
  const folder = await mkdtemp(join(tmpdir(), 'tessera-proxy-'));
  const sockets = new Set<Socket>();
  let cut: Cut | null = null;
  let refusing = false;

  const server = createServer((client) => {
    const upstream = connect(realSocket);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    if (refusing) return void client.destroy();
    let losing = false;
    let followed: Cut | null = null;
    client.on('data', (data) => {
      if (cut?.following !== undefined && data.includes(cut.following)) followed = cut;
      if (cut !== null && data.includes(cut.text) && (cut.following === undefined || followed === cut)) {
        const { when, keep } = cut;
        cut = null;
        if (when === 'before') return void client.destroy();
        losing = true;
        if (when === 'held') {
          client.removeAllListeners('close').destroy();
          return keep!(() => upstream.end(data));
        }
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => (losing ? client.destroy() : client.write(data)));
  });
  server.listen(join(folder, '.s.PGSQL.5432'));
  await once(server, 'listening');
  target.searchParams.set('host', folder);
  target.port = '5432';

  return {
    url: target.href,
    cutAt(text, when, options = {}) {
      cut = { text, when, ...options };
    },
    holdAt(text, options = {}) {
      const { promise: held, resolve } = Promise.withResolvers<void>();
      let send = (): void => {};
      const keep = (message: () => void): void => {
        send = message;
        resolve();
      };
      cut = { text, when: 'held', keep, ...options };
      return { held, letGo: () => send() };
    },
    get hasCut() {
      return cut === null;
    },
    close() {
      refusing = true;
      for (const socket of sockets) socket.destroy();
    },
    open() {
      refusing = false;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
