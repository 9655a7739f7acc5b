import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call } from './support/people.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway?.stop());

const PIECE = Buffer.alloc(256 * 1024, 'x');

interface Heard {
  readonly text: string;
  /** How the connection ended, as the client saw it. */
  readonly end: 'closed' | 'reset';
  readonly sent: number;
}

/** A client that pours its body out without looking up, and keeps everything that it hears. */
async function pour(head: string, most: number, framed = false): Promise<Heard> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  let text = '';
  let end: Heard['end'] = 'closed';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  socket.on('error', () => (end = 'reset'));
  await once(socket, 'connect');
  socket.write(head.replaceAll('\n', '\r\n'));
  const sent = await sendAll(socket, most, framed);
  if (!socket.closed) await once(socket, 'close');
  return { text, end, sent };
}

async function sendAll(socket: Socket, most: number, framed: boolean): Promise<number> {
  let sent = 0;
  const gone = once(socket, 'close');
  while (sent < most && !socket.destroyed) {
    const piece = framed
      ? Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')])
      : PIECE;
    sent += PIECE.length;
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), gone]).catch(() => {});
  }
  if (framed && !socket.destroyed) socket.write('0\r\n\r\n');
  return sent;
}

const MiB = 1024 * 1024;
const head = (headers: string) => `PUT /api/content/big HTTP/1.1\nHost: x\n${headers}\n\n`;

describe('an upload that is refused', () => {
  it.each<[string, string, boolean]>([
    ['of known length', `Content-Length: ${4 * MiB}`, false],
    ['of unknown length', 'Transfer-Encoding: chunked', true],
  ])('%s is told why, though its sender is still sending', async (_, headers, framed) => {
    const { text, end } = await pour(head(headers), 4 * MiB, framed);
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
    expect(text).toMatch(/\r\nConnection: close\r\n/);
    expect(text).toContain('"type":"unauthorized"');
    expect(end).toBe('closed');
  });

  it('is not read to its end', async () => {
    const { text, sent } = await pour(head(`Content-Length: ${1024 * MiB}`), 1024 * MiB);
    expect(text).toContain('"type":"unauthorized"');
    expect(sent).toBeLessThan(64 * MiB);
  });

  it('hears nothing of «100 Continue» where it waits for that', async () => {
    const { text } = await pour(head(`Content-Length: ${1024 * MiB}\nExpect: 100-continue`), 0);
    expect(text).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('leaves the gateway as quick as before', async () => {
    expect((await call(gateway, '/api/health/live')).status).toBe(200);
  });
});

describe('a request that is no HTTP', () => {
  it.each<[string, string]>([
    ['two lengths', 'Content-Length: 5\nContent-Length: 6'],
    ['a length and chunks', 'Content-Length: 5\nTransfer-Encoding: chunked'],
    ['a length in hex', 'Content-Length: 0x5'],
    ['a folded header', 'X-Odd: a\n b: c\n d'],
    ['a header without a name', ': x'],
    ['a header name with a blank', 'Content-Length : 5'],
  ])('is refused and cut off: %s', async (_, headers) => {
    const { text } = await pour(head(headers), 0);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });
});
