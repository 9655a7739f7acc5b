import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { rawConnection, statusOf } from '../../test/support/raw.js';
import { GatewayAdapter } from './http-server.js';

it('ends a connection whose headers do not come about when their time is over, not half a minute later', async () => {
  const adapter = new GatewayAdapter();
  adapter.initHttpServer({});
  const server = adapter.getHttpServer() as Server;
  server.headersTimeout = 50;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    using slow = await rawConnection({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await slow.write('GET / HTTP/1.1\r\nHost: x\r\n');
    expect(statusOf(await slow.end(5000))).toBe(408);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
