import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Route, RouteTable } from '../src/access/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, signIn } from './support/people.js';

let gateway: TestGateway;
let routes: readonly Route[];
beforeAll(async () => {
  gateway = await startGateway();
  routes = gateway.app.get(RouteTable).routes;
});
afterAll(() => gateway?.stop());

const documented = (path: string) => path.replace(/[{}]/g, '').replace(/[:*](\w+)/g, '{$1}');

it('has every route in the API’s document, described, with its answers', async () => {
  const document = (await call(gateway, '/api/openapi.json')).json<{
    openapi: string;
    paths: Record<string, Record<string, { summary: string; responses: object }>>;
  }>();
  expect(document.openapi).toBe('3.1.0');
  const missing = routes.filter(({ path, method, description }) => {
    const operation = document.paths[documented(path)]?.[method.toLowerCase()];
    return !operation?.summary || Object.keys(description?.answers ?? {}).length === 0;
  });
  expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

it('has every route on the page for people, which asks nothing of any other host', async () => {
  const answer = await call(gateway, '/api/docs');
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(routes.filter(({ path }) => !answer.text.includes(`<code>${path}</code>`))).toEqual([]);
  expect(answer.text).not.toMatch(/(src|href)="https?:/);
});

it('is alive, is ready, and counts requests by the pattern of their route', async () => {
  const token = await signIn(gateway);
  expect((await call(gateway, '/api/health/live')).json()).toEqual({ status: 'alive' });
  expect((await call(gateway, '/api/health/ready')).json()).toMatchObject({
    status: 'ready',
    checks: { database: 'ok' },
  });
  await call(gateway, '/api/tree/some/secret%20name', { token });
  const metrics = await call(gateway, '/api/metrics', { token });
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=/);
  expect(metrics.text).toMatch(
    /tessera_http_request_duration_seconds_count\{method="GET",route="\/api\/tree[^"]*",status="404"\} 1/,
  );
  expect(metrics.text).toContain('process_resident_memory_bytes');
  expect(metrics.text).not.toMatch(/secret|first@example\.org/);
});
