import { type ClientRequest, Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { ConnectionAway } from '../errors.js';
import { asNetworkFault } from '../outbound/network-faults.js';

export interface TokenServiceAnswer {
  readonly status: number;
  /** What JSON the body held; null where it held none. */
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly retryAfter: string | null;
}

export interface TokenRequest {
  readonly url: string;
  readonly form: Readonly<Record<string, string>>;
  /** From the first packet to the last byte of the answer. */
  readonly withinMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A token answer is a few KiB; the largest access tokens known are about 8 KiB. */
const LONGEST_ANSWER = 64 * 1024;

/** Agents of our own, so that no proxy of the environment comes between, and certificates are verified whatever it says. */
const agents = {
  http: new PlainAgent({ keepAlive: false }),
  https: new SecureAgent({ keepAlive: false, rejectUnauthorized: true }),
};

/**
 * One POST to a vendor's token service. No redirect is followed: its status is simply no good one. The body of an answer
 * holds tokens, so neither it nor what a parser says about it ever becomes part of an error.
 */
export async function askTokenService({ url, form, withinMs, signal }: TokenRequest): Promise<TokenServiceAnswer> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(withinMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    const message = await send(new URL(url), new URLSearchParams(form).toString(), either);
    const text = await read(message);
    const retryAfter = message.headers['retry-after'] ?? null;
    return { status: message.statusCode ?? 0, body: asObject(text), retryAfter };
  } catch (error) {
    signal?.throwIfAborted();
    if (deadline.aborted) throw new ConnectionAway('The vendor’s sign-in service takes too long to answer.');
    throw asNetworkFault(error);
  }
}

function send(url: URL, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const secure = url.protocol === 'https:';
  const options = {
    method: 'POST',
    agent: secure ? agents.https : agents.http,
    signal,
    headers: {
      'User-Agent': 'Tessera',
      Accept: 'application/json',
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': Buffer.byteLength(body),
    },
  };
  const request: ClientRequest = secure ? secureRequest(url, options) : plainRequest(url, options);
  request.once('response', resolve);
  request.on('error', reject);
  request.end(body);
  return promise;
}

async function read(message: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > LONGEST_ANSWER) {
      message.destroy();
      throw new ConnectionAway('The vendor’s sign-in service answers with more than can be meant.');
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function asObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
