import { z } from 'zod';
import * as contracts from '#contracts';
import { problems, type ProblemType } from '#contracts';
import { inWords, type Raw, type Route } from '../access/index.js';

type Json = Readonly<Record<string, unknown>>;

const ANY_ROUTE: readonly ProblemType[] = ['internal', 'unavailable'];

/** The API's description, made of the very schemas and rules that the routes run by. */
export function openApi(routes: readonly Route[], server: string): Json {
  const names = componentNames();
  return {
    openapi: '3.1.0',
    info: { title: 'Tessera', version: '1', description: 'All your clouds. None the wiser.' },
    servers: [{ url: server }],
    paths: pathsOf(routes, names),
    components: {
      schemas: componentSchemas(names),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: server.startsWith('https:') ? '__Host-tessera' : 'tessera' },
        basic: { type: 'http', scheme: 'basic' },
      },
    },
    'x-problems': problems,
  };
}

type Names = ReadonlyMap<z.ZodType, string>;

/** Every schema that the contracts export has a name; one that is exported under two keeps the first. */
function componentNames(): Names {
  const exported = Object.entries(contracts as Readonly<Record<string, unknown>>);
  const names = new Map<z.ZodType, string>();
  for (const [name, schema] of exported) {
    if (schema instanceof z.ZodType && !names.has(schema)) names.set(schema, name);
  }
  return names;
}

function componentSchemas(names: Names): Json {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', unrepresentable: 'any', uri: reference });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIds(schema)]));
}

const reference = (id: string): string => `#/components/schemas/${id}`;

function withoutIds(schema: object): Json {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !['$id', '$schema', 'id'].includes(name)));
}

function pathsOf(routes: readonly Route[], names: Names): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replace(/[{}]/g, '').replace(/[:*](\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route, names);
  }
  return paths;
}

function operation(route: Route, names: Names): Json {
  return {
    operationId: route.handler,
    summary: route.description?.summary ?? '',
    description: `For ${inWords(route.access)}.`,
    security: securityOf(route),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query), ...headerParameters(route)],
    ...requestBody(route, names),
    responses: { ...answers(route, names), ...problemAnswers(route) },
  };
}

function securityOf({ access }: Route): Json[] {
  if (access === 'public') return [];
  const basic = typeof access === 'object' && access.basic === true ? [{ basic: [] }] : [];
  return [{ token: [] }, ...(access === 'scrape' ? [] : [{ cookie: [] }]), ...basic];
}

function pathParameters(path: string): Json[] {
  return Array.from(path.matchAll(/[:*](\w+)/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: property,
  }));
}

function headerParameters(route: Route): Json[] {
  return Object.entries(route.description?.headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }));
}

function requestBody(route: Route, names: Names): Json {
  const { rawBody } = route.description ?? {};
  if (rawBody !== undefined) return { requestBody: { required: true, content: { [rawBody.media]: {} } } };
  if (route.body === undefined) return {};
  return { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, names) } } } };
}

function answers(route: Route, names: Names): Json {
  const described = Object.entries(route.description?.answers ?? {});
  return Object.fromEntries(described.map(([status, body]) => [status, answer(body, names)]));
}

function answer(body: z.ZodType | Raw | null, names: Names): Json {
  if (body === null) return { description: 'Done.' };
  if (isRaw(body)) return { description: 'The bytes.', content: { [body.media]: {} } };
  return { description: 'Done.', content: { 'application/json': { schema: schemaOf(body, names) } } };
}

function isRaw(body: z.ZodType | Raw): body is Raw {
  return 'media' in body;
}

function schemaOf(schema: z.ZodType, names: Names): Json {
  const name = names.get(schema);
  if (name !== undefined) return { $ref: reference(name) };
  return withoutIds(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
}

/** Several problems may share a status; each is named by its type. */
function problemAnswers(route: Route): Json {
  const types = new Set<ProblemType>([
    ...problemsOfAccess(route),
    ...problemsOfInput(route),
    ...(route.description?.problems ?? []),
    ...ANY_ROUTE,
  ]);
  const byStatus = Map.groupBy(types, (type) => problems[type].status);
  return Object.fromEntries(
    Array.from(byStatus, ([status, group]) => [
      String(status),
      {
        description: group.map((type) => `\`${type}\`: ${problems[type].description}`).join(' '),
        content: { 'application/problem+json': { schema: { $ref: reference('Problem') } } },
      },
    ]),
  );
}

function problemsOfAccess({ access, method }: Route): ProblemType[] {
  if (access === 'public') return [];
  const unsafe = method === 'GET' ? [] : (['foreign-origin'] as const);
  return ['unauthorized', ...(access === 'signed-in' ? [] : (['forbidden'] as const)), ...unsafe];
}

function problemsOfInput(route: Route): ProblemType[] {
  const params: ProblemType[] = route.params === undefined ? [] : ['not-found'];
  if (route.body !== undefined) return [...params, 'bad-request', 'validation', 'too-large'];
  return route.query === undefined ? params : [...params, 'validation'];
}
