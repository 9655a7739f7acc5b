import { once } from 'node:events';
import { Agent, createServer, get, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WaitingLine } from './waiting-line.js';

const MOST = 2;
let server: Server;
let line: WaitingLine;
let held: ServerResponse[];
let holding: boolean;

beforeEach(async () => {
  held = [];
  holding = false;
  server = createServer((_request, response) => {
    if (holding) held.push(response);
    else response.end('served');
  });
  line = new WaitingLine(server, MOST);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  line.close();
  server.closeAllConnections();
  server.close();
});

const port = () => (server.address() as AddressInfo).port;

async function ask(agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get({ port: port(), host: '127.0.0.1', agent }, (response) => {
    response.setEncoding('utf8').on('data', resolve).on('error', reject);
  }).on('error', reject);
  return promise;
}

describe('beyond the connections that are read at once', () => {
  test('one more waits unread, and is served when another one ends', async () => {
    holding = true;
    const agents = Array.from({ length: MOST + 1 }, () => new Agent({ keepAlive: true }));
    const answers = agents.map(ask);
    await vi.waitFor(() => expect(held).toHaveLength(MOST));
    const connections = vi.fn();
    server.getConnections((_error, count) => connections(count));
    await vi.waitFor(() => expect(connections).toHaveBeenCalledWith(MOST + 1));
    expect(held).toHaveLength(MOST);
    holding = false;
    for (const response of held) response.end('served');
    expect(await Promise.all(answers)).toEqual(agents.map(() => 'served'));
    for (const agent of agents) agent.destroy();
  });

  test('clients that keep their connections do not keep others out', async () => {
    const agents = Array.from({ length: 5 * MOST }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const answers = await Promise.all(agents.map(ask));
    expect(answers).toEqual(agents.map(() => 'served'));
    for (const agent of agents) agent.destroy();
  });

  test('a burst is served whole: nobody who waits is reset', async () => {
    const agent = new Agent({ keepAlive: false });
    const answers = await Promise.allSettled(Array.from({ length: 200 }, () => ask(agent)));
    expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test('who gives up waiting leaves the line', async () => {
    holding = true;
    const agents = Array.from({ length: MOST }, () => new Agent({ keepAlive: true }));
    const answers = agents.map(ask);
    await vi.waitFor(() => expect(held).toHaveLength(MOST));
    const impatient = connect(port(), '127.0.0.1');
    await once(impatient, 'connect');
    impatient.resetAndDestroy();
    holding = false;
    for (const response of held) response.end('served');
    expect(await Promise.all(answers)).toEqual(agents.map(() => 'served'));
    expect(await ask(new Agent())).toBe('served');
    for (const agent of agents) agent.destroy();
  });
});
