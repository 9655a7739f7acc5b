import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Misdeed, RefusalWords } from './troubles.js';

/** A request, read whole. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What is to go wrong inside, and not before or after. */
  readonly misdeed: Misdeed | null;
}

export interface Reply {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer | Readable;
}

/** An error answer of Graph or of the hosts behind it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly inner?: string,
    words?: string,
  ) {
    super(words ?? `The double says ${code}.`);
  }
}

const json = { 'Content-Type': 'application/json' };

/** The envelope, with the older spelling of `innererror` for what the upload hosts say. */
export function refusal({ status, code = 'generalException', inner, message, headers, body }: RefusalWords): Reply {
  const inside = {
    ...(inner !== undefined && { code: inner }),
    date: new Date().toISOString(),
    'request-id': 'double',
  };
  const innerName = status === 416 ? 'innererror' : 'innerError';
  const error = { code, message: message ?? `The double says ${code}.`, [innerName]: inside };
  return { status, headers: { ...json, ...headers }, body: body ?? JSON.stringify({ error }) };
}

export function answer(status: number, told?: unknown): Reply {
  return told === undefined ? { status, headers: {}, body: '' } : { status, headers: json, body: JSON.stringify(told) };
}
