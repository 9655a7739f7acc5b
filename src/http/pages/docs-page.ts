import { z } from 'zod';
import { problems } from '#contracts';
import { inWords, type Raw, type Route } from '../../access/index.js';
import { escaped, page, type Page } from './page.js';

/** The API for people: every route, who may call it, what it takes and answers, and what can go wrong. */
export function docsPage(routes: readonly Route[]): Page {
  const sorted = routes.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return page(
    'Tessera: the API',
    `<h1>Tessera: the API</h1>
<p>JSON in and out. Sign in with <code>POST /api/auth/login</code> and send <code>Authorization: Bearer TOKEN</code>; browsers get a
cookie, and their unsafe requests must come from our own pages. The same, for machines: <a href="/api/openapi.json">openapi.json</a>.</p>
<h2>Calls</h2>${sorted.map(routeEntry).join('\n')}
<h2>Problems</h2><p>Errors are <code>application/problem+json</code> (RFC 9457). A <code>type</code> keeps its meaning and its status.</p>
<table><tr><th>type</th><th>status</th><th>meaning</th></tr>${Object.entries(problems)
      .map(
        ([type, { status, description }]) =>
          `<tr><td><code>${type}</code></td><td>${status}</td><td>${escaped(description)}</td></tr>`,
      )
      .join('\n')}</table>`,
  );
}

function routeEntry(route: Route): string {
  const { summary = '', answers = {}, problems: types = [], headers = {}, rawBody } = route.description ?? {};
  return `<details><summary><b class="method">${route.method}</b> <code>${escaped(route.path)}</code> ${escaped(summary)}</summary>
<p>For ${escaped(inWords(route.access))}.</p>
${section('Query', route.query && shape(route.query))}${section('Body', rawBody?.media ?? (route.body && shape(route.body)))}
${section('Headers', lines(headers))}
${Object.entries(answers)
  .map(([status, body]) => section(`Answer ${status}`, body === null ? 'no body' : bodyShape(body)))
  .join('\n')}
${types.length === 0 ? '' : `<p>Problems of its own: ${types.map((type) => `<code>${type}</code>`).join(', ')}</p>`}</details>`;
}

function section(title: string, text: string | undefined): string {
  return text === undefined || text === '' ? '' : `<p>${title}</p><pre>${escaped(text)}</pre>`;
}

function lines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, meaning]) => `${name}: ${meaning}`)
    .join('\n');
}

function bodyShape(body: z.ZodType | Raw): string {
  return 'media' in body ? body.media : shape(body);
}

function shape(schema: z.ZodType): string {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return JSON.stringify(rest, null, 2);
}
