import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Throttled } from '../errors.js';
import type { GatedRequest, RequestGate, RequestOutcome } from '../request-gate.js';
import { gatedRequest } from './gated.js';
import { Outbound } from './outbound.js';

let server: Server;
let outbound: Outbound;
let url: URL;
let answers: RequestListener;
let entered: GatedRequest[];
let ended: RequestOutcome[];
let shut: Error | null;

const gate: RequestGate = {
  enter: async (request) => {
    if (shut) throw shut;
    entered.push(request);
    return { end: (outcome) => void ended.push(outcome) };
  },
};

beforeEach(async () => {
  [entered, ended, shut] = [[], [], null];
  server = createServer((request, response) => answers(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  outbound = new Outbound({ allowHosts: ['127.0.0.1'] }, gate);
});
afterEach(() => {
  outbound.close();
  server.closeAllConnections();
  server.close();
});

describe('Every request passes the gate', () => {
  it.each<[string, number, Record<string, string>, RequestOutcome]>([
    ['a success', 207, {}, { kind: 'answered' }],
    ['nothing there', 404, {}, { kind: 'refused' }],
    ['a condition that does not hold', 412, {}, { kind: 'refused' }],
    ['too many, for so long', 429, { 'Retry-After': '17' }, { kind: 'throttled', afterMs: 17_000 }],
    ['too many', 429, {}, { kind: 'throttled', afterMs: null }],
    ['too much', 509, {}, { kind: 'throttled', afterMs: null }],
    ['maintenance, for so long', 503, { 'Retry-After': '120' }, { kind: 'throttled', afterMs: 120_000 }],
    ['busy', 503, {}, { kind: 'failed' }],
    ['broken', 500, {}, { kind: 'failed' }],
    ['full', 507, {}, { kind: 'refused' }],
    ['never heard of that', 501, {}, { kind: 'refused' }],
  ])('and says what came of it: %s', async (_what, status, headers, outcome) => {
    answers = (_request, response) => response.writeHead(status, headers).end('<a/>');
    const answer = await outbound.send({ method: 'PROPFIND', url });
    expect(ended).toEqual([]);
    await answer.bytes(100);
    expect(ended).toEqual([outcome]);
  });

  it('whose pass ends with the head of a download, however slowly it is read', async () => {
    answers = (_request, response) => response.writeHead(200).write('a');
    await outbound.send({ method: 'GET', url });
    expect(ended).toEqual([{ kind: 'answered' }]);
  });

  it('and fails when the answer breaks off, or never comes', async () => {
    answers = (request, response) => {
      if (request.method === 'DELETE') return void request.socket.destroy();
      return void response.writeHead(207, { 'Content-Length': 100 }).write('a', () => request.socket.destroy());
    };
    await expect(outbound.send({ method: 'DELETE', url })).rejects.toThrow();
    const broken = await outbound.send({ method: 'PROPFIND', url });
    await expect(broken.bytes(100)).rejects.toThrow();
    expect(ended).toEqual([{ kind: 'failed' }, { kind: 'failed' }]);
  });

  it('each hop of a redirect for itself, one pass at a time', async () => {
    answers = (request, response) => {
      if (request.url === '/') response.writeHead(302, { Location: '/there' }).end();
      else response.end('x');
    };
    await outbound.send({ method: 'GET', url });
    expect([entered.length, ended.length]).toEqual([2, 2]);
  });

  it('and none goes out that the gate refuses', async () => {
    let asked = 0;
    answers = (_request, response) => {
      asked += 1;
      response.end();
    };
    shut = new Throttled(60_000);
    await expect(outbound.send({ method: 'GET', url })).rejects.toBe(shut);
    expect(asked).toBe(0);
  });

  it('as what it is, and as large as it is', () => {
    const body = { length: 7, pieces: () => [] };
    expect(gatedRequest('PUT', {}, body)).toEqual({ kind: 'upload', bytes: 7 });
    expect(gatedRequest('GET', { Range: 'bytes=10-19' })).toEqual({ kind: 'download', bytes: 10 });
    expect(gatedRequest('PROPFIND')).toEqual({ kind: 'look' });
    expect(gatedRequest('MOVE')).toEqual({ kind: 'change' });
  });
});
