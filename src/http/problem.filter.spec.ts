import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { expect, it } from 'vitest';
import { RouteTable } from '../access/index.js';
import { NotFound } from '../files/index.js';
import { ProblemFilter } from './problem.filter.js';

it('takes back every header of the body that did not come', async () => {
  const filter = new ProblemFilter({ methodsFor: () => [] } as unknown as RouteTable);
  const headers = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Range', 'Content-Disposition', 'Repr-Digest'];
  const app = express().use((request, response) => {
    for (const name of headers) response.setHeader(name, 'of a body');
    filter.answer(new NotFound(), request, response);
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(answer.status).toBe(404);
    expect(headers.filter((name) => answer.headers.has(name))).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
