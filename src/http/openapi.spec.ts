import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { NewUser, User } from '#contracts';
import type { Route } from '../access/index.js';
import { openApi } from './openapi.js';
import { docsPage } from './pages/docs-page.js';
import { escaped } from './pages/page.js';

const route = (change: Partial<Route>): Route => ({
  method: 'GET',
  path: '/api/things',
  handler: 'Things.list',
  access: 'public',
  description: { summary: 'Lists <things>.', answers: { 200: z.object({ a: z.string() }) } },
  body: undefined,
  query: undefined,
  params: undefined,
  ...change,
});

type Operation = Record<string, unknown> & { responses: Record<string, unknown>; parameters: { name: string }[] };
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>> };
}
const documentOf = (...routes: Route[]) => openApi(routes, 'https://tessera.example.org') as unknown as Document;

describe('the API’s own document', () => {
  it('names parameters of the path, the query and the headers', () => {
    const query = z.object({ limit: z.coerce.number().default(10), search: z.string().optional() });
    const description = { summary: '', answers: {}, headers: { 'If-Match': 'only this one' } };
    const { paths } = documentOf(route({ path: '/api/things/:id/*path', query, description }));
    expect(paths['/api/things/{id}/{path}']!['get']!.parameters.map(({ name }) => name)).toEqual([
      'id',
      'path',
      'limit',
      'search',
      'If-Match',
    ]);
  });

  it('refers to what the contracts name, and spells out what they do not', () => {
    const { paths } = documentOf(
      route({
        method: 'POST',
        body: NewUser,
        description: { summary: '', answers: { 201: User, 202: z.object({ n: z.int() }) } },
      }),
    );
    const text = JSON.stringify(paths['/api/things']!['post']);
    expect(text).toContain(
      '"requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/NewUser"}}}}',
    );
    expect(text).toContain('"$ref":"#/components/schemas/User"');
    expect(text).toContain('"n":{"type":"integer"');
  });

  it('refers to nothing that is not there', () => {
    const document = documentOf(route({ body: NewUser }));
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);
    const names = new Set(Array.from(references, ([, name]) => name!));
    expect(names.size).toBeGreaterThan(5);
    expect([...names].filter((name) => !(name in document.components.schemas))).toEqual([]);
  });

  it('says which unknown fields are refused: those of requests, not those of answers, which may grow', () => {
    const { schemas } = documentOf().components;
    expect(schemas['NewUser']!['additionalProperties']).toBe(false);
    expect(schemas['User']!['additionalProperties']).toBeUndefined();
  });

  it('tells the problems that come with who may call and what is taken', () => {
    const statuses = (change: Partial<Route>) =>
      Object.keys(documentOf(route(change)).paths['/api/things']!['get']!.responses);
    expect(statuses({})).toEqual(['200', '500', '503']);
    expect(statuses({ access: 'signed-in' })).toContain('401');
    expect(statuses({ access: { roles: ['user'] } })).toContain('403');
    expect(statuses({ query: z.object({}) })).toContain('422');
    expect(statuses({ params: z.object({}) })).toContain('404');
  });
});

describe('the page of the API', () => {
  it('shows every route and its markup as text', () => {
    const { html, policy } = docsPage([route({}), route({ path: '/api/others' })]);
    expect(html).toContain('/api/things');
    expect(html).toContain('/api/others');
    expect(html).toContain(escaped('Lists <things>.'));
    expect(html).not.toContain('<things>');
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action/);
    expect(html).not.toMatch(/https?:\/\/(?!localhost)/);
  });
});
