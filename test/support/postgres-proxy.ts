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
  cutAt(text: string, when: 'before' | 'after'): void;
  /** Cuts every connection, and refuses new ones until `open`. */
  close(): void;
  open(): void;
  stop(): Promise<void>;
}

/** Stands between a gateway and its Postgres, to lose what is under way. */
export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const realSocket = join(target.searchParams.get('host')!, `.s.PGSQL.${target.port}`);
  const folder = await mkdtemp(join(tmpdir(), 'tessera-proxy-'));
  const sockets = new Set<Socket>();
  let cut: { text: string; when: 'before' | 'after' } | null = null;
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
    client.on('data', (data) => {
      if (cut !== null && data.includes(cut.text)) {
        const { when } = cut;
        cut = null;
        if (when === 'before') return void client.destroy();
        losing = true;
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
    cutAt(text, when) {
      cut = { text, when };
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
