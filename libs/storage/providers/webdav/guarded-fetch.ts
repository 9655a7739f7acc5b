import type { Agent } from 'node:http';
import { getPatcher } from 'webdav';
import type { Answer, Outbound, OutboundRequest } from '../../outbound/index.js';

/** Sends one request of the package. */
export type Sender = (request: OutboundRequest) => Promise<Answer>;

interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly agent?: (url: URL) => Agent;
}

/** Answers that the package looks into: properties of a folder with thousands of files. */
const longestAnswer = 8 * 1024 * 1024;
const senders = new WeakMap<Agent, Sender>();

/**
 * The package would open its own sockets, follow every redirect and take any status below 400 for success. Its
 * requests leave through the sender that belongs to their agent instead; what has none does not leave at all.
 */
getPatcher().patch('fetch', async (...call: unknown[]): Promise<Response> => {
  const [address, options] = call as [string, FetchOptions];
  const url = new URL(address);
  const send = options.agent && senders.get(options.agent(url));
  if (!send) throw new Error('a WebDAV request that nobody guards');
  const { method, headers, body, signal } = options;
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const answer = await send({
    method,
    url,
    headers: { ...headers },
    ...(bytes && { body: { length: bytes.length, pieces: () => [bytes] } }),
    ...(signal && { signal }),
  });
  const text = await answer.bytes(longestAnswer);
  const told = new Headers();
  for (const name of ['retry-after', 'content-type']) told.set(name, answer.header(name) ?? '');
  return new Response([204, 205, 304].includes(answer.status) ? null : text, { status: answer.status, headers: told });
});

export function sendThrough(outbound: Outbound, sender: Sender): void {
  senders.set(outbound.agents.http, sender);
  senders.set(outbound.agents.https, sender);
}
