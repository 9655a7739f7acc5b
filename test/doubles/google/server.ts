import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { json, nothing, type Reply } from './answering.js';
import type { Faults, Misdeed } from './faults.js';

export interface Received {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** False where the sender, or a misdeed of ours, broke off. */
  readonly whole: boolean;
  readonly misdeed: Misdeed | undefined;
}

export interface Heard {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** As it was sent, or would have been, had nothing befallen it. */
  status: number;
}

export interface DoubleServer {
  readonly origin: string;
  readonly heard: readonly Heard[];
  stop(): Promise<void>;
}

type Route = (received: Received) => Reply;

/** HTTP on a port of its own: hears, lets the misdeeds happen, and asks `route` for the answers. */
export async function listen(route: Route, faults: Faults, port = 0): Promise<DoubleServer> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    const { socket } = request;
    serve(request, response, { route, faults, heard }).catch(() => socket.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    stop: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

interface Serving {
  readonly route: Route;
  readonly faults: Faults;
  readonly heard: Heard[];
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { route, faults, heard }: Serving,
): Promise<void> {
  const { method = '', url: path = '/', headers, socket } = request;
  const hearing: Heard = { method, path, headers, status: 0 };
  heard.push(hearing);
  const misdeed = faults.next({ method, path });
  if (misdeed?.kind === 'resets') return void socket.resetAndDestroy();
  if (misdeed?.kind === 'falls-silent' && misdeed.after === undefined) return void request.resume();
  if (misdeed?.kind === 'answers') {
    request.resume();
    hearing.status = misdeed.status;
    return send(response, scripted(misdeed), method);
  }
  const { body, whole } = await collect(request, misdeed?.kind === 'cuts' && hasBody(method) ? misdeed.after : null);
  const reply = route({ method, url: new URL(path, 'http://double'), headers, body, whole, misdeed });
  hearing.status = reply.status;
  if (!whole || misdeed?.kind === 'resets-after') return void socket.resetAndDestroy();
  if (misdeed?.kind === 'fails-after') return send(response, nothing(misdeed.status), method);
  await deliver(response, reply, misdeed, method);
}

function scripted({ status, body, headers = {} }: Extract<Misdeed, { kind: 'answers' }>): Reply {
  const plain = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined;
  const reply = plain ? { ...nothing(status), body: Buffer.from(body ?? '') } : json(status, body);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** The body as far as it came. */
async function collect(request: IncomingMessage, cutAfter: number | null): Promise<{ body: Buffer; whole: boolean }> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    // Whoever breaks off here resets the socket, too.
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (cutAfter !== null && length >= cutAfter)
        return { body: Buffer.concat(pieces).subarray(0, cutAfter), whole: false };
    }
    return { body: Buffer.concat(pieces), whole: true };
  } catch {
    return { body: Buffer.concat(pieces), whole: false };
  }
}

async function deliver(
  response: ServerResponse,
  reply: Reply,
  misdeed: Misdeed | undefined,
  method: string,
): Promise<void> {
  const { status, headers, body } = reply;
  switch (misdeed?.kind) {
    case 'gzips': {
      if (body.length === 0) return send(response, reply, method);
      return send(
        response,
        { status, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(body) },
        method,
      );
    }
    case 'spoils':
      return send(response, hasBody(method) ? reply : { status, headers, body: flipped(body) }, method);
    case 'cuts':
    case 'falls-silent': {
      if (hasBody(method)) return send(response, reply, method);
      response.writeHead(status, { ...headers, 'content-length': body.length });
      const after = Math.min(misdeed.after ?? 0, Math.max(0, body.length - 1));
      response.write(body.subarray(0, after), () => {
        if (misdeed.kind === 'cuts') response.socket?.resetAndDestroy();
      });
      return;
    }
    case 'drips':
      return drip(response, reply, misdeed.bytes, misdeed.everyMs);
    default:
      return send(response, reply, method);
  }
}

function send(response: ServerResponse, { status, headers, body }: Reply, method: string): void {
  const length = [204, 304].includes(status) ? {} : { 'content-length': String(body.length) };
  response.writeHead(status, { ...length, ...headers });
  response.end(method === 'HEAD' ? undefined : body);
}

async function drip(response: ServerResponse, reply: Reply, bytes: number, everyMs: number): Promise<void> {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': reply.body.length });
  for (let at = 0; at < reply.body.length && !response.destroyed; at += bytes) {
    response.write(reply.body.subarray(at, at + bytes));
    await pause(everyMs);
  }
  response.end();
}

export function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  if (other.length > 0) other[Math.floor(other.length / 2)]! ^= 1;
  return other;
}

function hasBody(method: string): boolean {
  return ['POST', 'PUT', 'PATCH'].includes(method);
}
