import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call } from './support/people.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway?.stop());

const ask = (accept: string) => call(gateway, '/', { headers: { Accept: accept } });

describe('the gateway’s own address', () => {
  it('shows browsers a page that tells how to begin, leads to the API, and asks nothing of any other host', async () => {
    const answer = await ask('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(answer.text).toContain('href="/api/docs"');
    expect(answer.text).toContain(`${gateway.url}/api/auth/login`);
    expect(answer.text).toContain(`curl -T photo.jpg`);
    expect(answer.text).not.toMatch(/(src|href)="https?:|<script/);
  });

  it.each(['application/json', '*/*', 'text/plain'])('tells who accepts %s the same in JSON', async (accept) => {
    const answer = await ask(accept);
    expect([answer.status, answer.headers.get('vary')]).toEqual([200, 'Accept']);
    expect(answer.json()).toEqual({ name: 'Tessera', docs: '/api/docs' });
  });
});
