import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BodyCutShort, SenderStalled } from './errors.js';
import { readBody } from './read-body.js';

const STALL_MS = 200;

let server: Server;
let socket: Socket;
let request: IncomingMessage;
let stop: AbortController;

beforeEach(async () => {
  stop = new AbortController();
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
});
afterEach(() => {
  socket.destroy();
  server.close();
  server.closeAllConnections();
});

async function begin(headers: string): Promise<AsyncGenerator<Buffer>> {
  socket.write(`PUT / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
  [request] = (await once(server, 'request')) as [IncomingMessage];
  return readBody(request, { signal: stop.signal, stallMs: STALL_MS });
}

async function all(body: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('a body', () => {
  it.each<[string, string, string]>([
    ['of known length', 'Content-Length: 10', '0123456789'],
    ['in chunks', 'Transfer-Encoding: chunked', '4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n'],
  ])('%s comes whole, however it is cut on its way', async (_, headers, bytes) => {
    const body = await begin(headers);
    const read = all(body);
    for (const letter of bytes) {
      socket.write(letter);
      await pause(1);
    }
    expect(await read).toBe('0123456789');
    expect(request.listenerCount('readable')).toBe(0);
  });

  it('that came before it was asked for comes whole', async () => {
    const body = await begin('Content-Length: 5');
    socket.write('whole');
    await pause(50);
    expect(await all(body)).toBe('whole');
  });

  it('of no bytes ends at once', async () => {
    expect(await all(await begin('Content-Length: 0'))).toBe('');
  });

  it.each<[string, string, string]>([
    ['before its length', 'Content-Length: 10', 'half'],
    ['before its last chunk', 'Transfer-Encoding: chunked', '4\r\nhalf\r\n'],
  ])('that breaks off %s is cut short, not whole', async (_, headers, bytes) => {
    const body = await begin(headers);
    const read = all(body);
    socket.write(bytes, () => socket.destroy());
    await expect(read).rejects.toBeInstanceOf(BodyCutShort);
  });

  it('of which nothing comes any more has stalled', async () => {
    const body = await begin('Content-Length: 10');
    socket.write('half');
    const before = performance.now();
    await expect(all(body)).rejects.toBeInstanceOf(SenderStalled);
    expect(performance.now() - before).toBeGreaterThan(STALL_MS * 0.8);
  });

  it('of which a byte comes now and then has stalled too', async () => {
    const body = await begin('Content-Length: 10000');
    const teasing = setInterval(() => socket.write('x'), STALL_MS / 10);
    await expect(all(body)).rejects.toBeInstanceOf(SenderStalled);
    clearInterval(teasing);
  });

  it('that comes slowly, but comes, may take for ever', async () => {
    const body = await begin('Content-Length: 18000');
    const read = all(body);
    for (let nth = 0; nth < 30; nth += 1) {
      socket.write('x'.repeat(600));
      await pause(STALL_MS / 8);
    }
    expect((await read).length).toBe(18_000);
  });

  it('does not stall while nobody asks for it', async () => {
    const body = await begin('Content-Length: 20');
    socket.write('0123456789');
    expect((await body.next()).value!.toString()).toBe('0123456789');
    await pause(STALL_MS * 3);
    socket.write('0123456789');
    expect((await body.next()).value!.toString()).toBe('0123456789');
    expect((await body.next()).done).toBe(true);
  });

  it('that nobody has a use for any more throws why, at once', async () => {
    const body = await begin('Content-Length: 10');
    const why = new Error('no use');
    const read = all(body);
    setTimeout(() => stop.abort(why), 20);
    await expect(read).rejects.toBe(why);
  });

  it('is read no faster than it is taken', async () => {
    const body = await begin(`Content-Length: ${64 * 1024 * 1024}`);
    socket.write(Buffer.alloc(64 * 1024 * 1024));
    await body.next();
    await pause(100);
    expect(request.readableLength).toBeLessThan(1024 * 1024);
    await body.return(undefined);
  });
});
