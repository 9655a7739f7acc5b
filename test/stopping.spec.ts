import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { startGateway, type TestGateway } from './support/gateway.js';

let gateway: TestGateway | null = null;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway?.stop();
  gateway = null;
});

const BODY = JSON.stringify({ email: 'nobody@example.org', password: 'not a password' });

const open = async (url: string) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  const ended = new Promise((resolve) => socket.on('close', resolve).on('error', () => {}));
  await once(socket, 'connect');
  return { socket, ended, received: () => received };
};

/** A request whose body has come by half. */
const begin = async (url: string) => {
  const connection = await open(url);
  const head = [
    'POST /api/auth/login HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    `Content-Length: ${BODY.length}`,
  ];
  connection.socket.write(`${head.join('\r\n')}\r\n\r\n${BODY.slice(0, 10)}`);
  return connection;
};

const refuses = async (url: string) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const refused = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return refused;
};

const stopping = async (running: TestGateway) => {
  const stopped = running.stop();
  gateway = null;
  await vi.waitFor(async () => expect(await refuses(running.url)).toBe(true));
  return stopped;
};

test('a stop lets a request in flight end, and no new one begin', async () => {
  const running = (gateway = await startGateway({ environment: { TESSERA_STOP_SECONDS: '20' } }));
  const { socket, received, ended } = await begin(running.url);
  const idle = await open(running.url);
  const begun = performance.now();
  let over = false;
  const stopped = running.stop().then(() => (over = true));
  gateway = null;
  await vi.waitFor(async () => expect(await refuses(running.url)).toBe(true));
  await idle.ended;
  expect(over).toBe(false);
  socket.write(BODY.slice(10));
  await ended;
  expect(received()).toMatch(/^HTTP\/1\.1 4\d\d /);
  await stopped;
  expect(performance.now() - begun).toBeLessThan(9000);
});

test('a stop does not wait for ever: what takes too long is cut', async () => {
  const running = (gateway = await startGateway({ environment: { TESSERA_STOP_SECONDS: '1' } }));
  const { received, ended } = await begin(running.url);
  await stopping(running);
  await ended;
  expect(received()).toBe('');
});
