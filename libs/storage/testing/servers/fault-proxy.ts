import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What befalls a request on its way. */
export type Trouble =
  'reset before' | 'reset after' | 'truncated' | 'lost write' | '500 before' | '502 after' | '503' | '429';

export interface FaultProxy {
  readonly port: number;
  /** How often each has happened. */
  readonly troubles: ReadonlyMap<Trouble, number>;
  readonly requests: () => number;
  stop(): Promise<void>;
}

const all: Trouble[] = [
  'reset before',
  'reset after',
  'truncated',
  'lost write',
  '500 before',
  '502 after',
  '503',
  '429',
];
/** What says that it was done, and was not. A DELETE that is lost nobody can notice but a listing. */
const losable = ['PUT', 'MOVE', 'MKCOL'];

interface Upstream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Stands before a server on this machine and spoils a share of all requests, each trouble in its turn. */
export async function startFaultProxy(upstream: number, share: number, seed: string): Promise<FaultProxy> {
  const troubles = new Map<Trouble, number>();
  const coming = [...all];
  const nextFor = (method: string): Trouble => {
    const index = coming.findIndex((trouble) => trouble !== 'lost write' || losable.includes(method));
    const [trouble] = coming.splice(index, 1) as [Trouble];
    coming.push(trouble);
    troubles.set(trouble, (troubles.get(trouble) ?? 0) + 1);
    return trouble;
  };
  const agent = new Agent({ keepAlive: true });
  let requests = 0;
  const forward = async (incoming: IncomingMessage, body: Buffer): Promise<Upstream> => {
    const { method, url: path, headers } = incoming;
    const outgoing = request({ host: '127.0.0.1', port: upstream, method, path, headers, agent });
    // Some servers say more than they may after an answer without a body.
    outgoing.on('error', () => undefined);
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
  };
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const dice = createHash('sha256')
      .update(`${seed} ${(requests += 1)}`)
      .digest();
    const trouble = dice.readUInt32BE(0) / 2 ** 32 < share ? nextFor(incoming.method ?? '') : null;
    if (trouble === 'reset before') return void incoming.socket.resetAndDestroy();
    const body = await buffer(incoming);
    if (trouble === 'lost write') return void response.writeHead(201).end();
    if (trouble === '500 before') return void response.writeHead(500).end();
    if (trouble === '503') return void response.writeHead(503).end();
    if (trouble === '429') return void response.writeHead(429, { 'Retry-After': '2' }).end();
    const answer = await forward(incoming, body);
    if (trouble === 'reset after') return void incoming.socket.resetAndDestroy();
    if (trouble === '502 after') return void response.writeHead(502).end();
    response.writeHead(answer.status, answer.headers);
    if (trouble !== 'truncated') return void response.end(answer.body);
    response.write(answer.body.subarray(0, answer.body.length / 2), () => incoming.socket.resetAndDestroy());
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    troubles,
    requests: () => requests,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
