import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { Readable } from 'node:stream';
import type { TestGateway } from './gateway.js';

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False where the connection broke before the answer was whole. */
  readonly whole: boolean;
  readonly type: string | undefined;
  json<T = Record<string, unknown>>(): T;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** An iterable has no length that is told beforehand. */
  readonly body?: Buffer | string | AsyncIterable<Buffer> | Iterable<Buffer>;
  readonly signal?: AbortSignal;
}

/** Somebody's program: keeps its connections, tells a broken answer from a whole one, and leaves bytes and paths alone. */
export class Client implements Disposable {
  private readonly agent: Agent;

  constructor(
    private readonly gateway: Pick<TestGateway, 'url'>,
    readonly token: string,
    connections = 256,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  put(path: string, body: Sent['body'], headers: OutgoingHttpHeaders = {}): Promise<Received> {
    return this.send(`/api/content/${path}`, { method: 'PUT', body, headers });
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Received> {
    return this.send(`/api/content/${path}`, { headers });
  }

  head(path: string, headers: OutgoingHttpHeaders = {}): Promise<Received> {
    return this.send(`/api/content/${path}`, { method: 'HEAD', headers });
  }

  tree(path: string): Promise<Received> {
    return this.send(`/api/tree/${path}`);
  }

  placement(path: string): Promise<Received> {
    return this.send(`/api/placement/${path}`);
  }

  makeFolder(path: string): Promise<Received> {
    return this.json('POST', `/api/tree/${path}`, { type: 'folder' });
  }

  move(from: string, to: string): Promise<Received> {
    return this.json('PATCH', `/api/tree/${from}`, { path: to });
  }

  remove(path: string, headers: OutgoingHttpHeaders = {}): Promise<Received> {
    return this.send(`/api/tree/${path}`, { method: 'DELETE', headers });
  }

  restore(id: string): Promise<Received> {
    return this.send(`/api/trash/${id}/restore`, { method: 'POST' });
  }

  /** From now on this person's new files are spread so; null: over any connections. */
  async spread(
    data: number,
    parity: number,
    among: readonly (string | { readonly id: string })[] | null,
  ): Promise<void> {
    const connections = among?.map((one) => (typeof one === 'string' ? one : one.id)) ?? null;
    const { status } = await this.json('PATCH', '/api/users/me/default-storage', { data, parity, connections });
    if (status !== 200) throw new Error(`A default storage was answered ${status}.`);
  }

  json(method: string, path: string, value: unknown): Promise<Received> {
    return this.send(path, { method, body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } });
  }

  send(path: string, sent: Sent = {}): Promise<Received> {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    const { hostname, port } = new URL(this.gateway.url);
    const { body } = sent;
    const outgoing = request({
      agent: this.agent,
      hostname,
      port,
      path,
      method: sent.method ?? 'GET',
      headers: { Authorization: `Bearer ${this.token}`, ...lengthOf(body), ...sent.headers },
      signal: sent.signal,
    });
    // A kept connection may have been closed by the gateway the moment it was taken again.
    outgoing.on('error', (error) => {
      if (outgoing.reusedSocket && resendable(body)) resolve(this.send(path, sent));
      else reject(error);
    });
    outgoing.on('response', (incoming) => {
      const pieces: Buffer[] = [];
      const finish = (): void => resolve(received(incoming.statusCode!, incoming.headers, pieces, incoming.complete));
      incoming.on('data', (piece: Buffer) => pieces.push(piece));
      incoming.on('error', finish);
      incoming.on('end', finish);
      incoming.on('close', finish);
    });
    if (resendable(body)) outgoing.end(body);
    else Readable.from(body, { objectMode: false }).pipe(outgoing);
    return promise;
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}

function resendable(body: Sent['body']): body is Buffer | string | undefined {
  return body === undefined || Buffer.isBuffer(body) || typeof body === 'string';
}

function lengthOf(body: Sent['body']): OutgoingHttpHeaders {
  return Buffer.isBuffer(body) || typeof body === 'string' ? { 'Content-Length': Buffer.byteLength(body) } : {};
}

function received(status: number, headers: IncomingHttpHeaders, pieces: Buffer[], whole: boolean): Received {
  const body = Buffer.concat(pieces);
  const json = <T>(): T => JSON.parse(body.toString('utf8')) as T;
  const isProblem = headers['content-type'] === 'application/problem+json';
  const type = isProblem && whole && body.length > 0 ? json<{ type: string }>().type : undefined;
  return { status, headers, body, whole, type, json };
}
