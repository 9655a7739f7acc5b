import type { OutgoingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ConnectionAway, StorageFault } from '../../errors.js';
import type { AccessTokens } from '../../oauth/rules.js';
import { type Answer, Outbound } from '../../outbound/index.js';
import type { BlobBody } from '../../provider.js';
import { type GatedRequest, openGate, type RequestGate } from '../../request-gate.js';
import { faultOf, outcomeOf, TokenRefused } from './drive-faults.js';

export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly gated: GatedRequest;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: BlobBody;
  readonly signal?: AbortSignal;
  /** Answers other than a success that the caller has a use for. */
  readonly understood?: readonly number[];
  /** An address that is its own authorization gets no token. */
  readonly unsigned?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly body: Buffer;
  header(name: string): string | null;
}

export interface WirePlace {
  /** One origin in place of Google's, for all of its hosts. */
  readonly origin: string | null;
  readonly tokens: AccessTokens;
  readonly gate?: RequestGate;
}

/** A page of a listing with a thousand files is far below this. */
const longestAnswer = 4 * 1024 * 1024;
/** What of an error's body is worth reading. */
const longestError = 64 * 1024;
/** Where the links in a stand-in's answers may lead. */
const loopback = ['127.0.0.1', '::1', 'localhost'];
const unzip = promisify(gunzip);

/**
 * Sends single requests to Google: through the gate, with a token that is renewed once when it is refused. Nothing is
 * tried again, no redirect is followed, no proxy of the environment is asked, and no error knows a header.
 */
export class Wire {
  readonly root: string;
  private readonly standIn: boolean;
  private readonly outbound: Outbound;
  private readonly tokens: AccessTokens;
  private readonly gate: RequestGate;

  constructor({ origin, tokens, gate = openGate }: WirePlace) {
    this.root = new URL(origin ?? 'https://www.googleapis.com').origin;
    this.standIn = origin !== null;
    this.tokens = tokens;
    this.gate = gate;
    this.outbound = new Outbound({ allowHosts: origin === null ? [] : [new URL(origin).hostname, ...loopback] });
  }

  /** The whole answer. Throws the fault that it means, unless it is a success or understood. */
  ask(request: WireRequest): Promise<WireAnswer> {
    return this.signed(request, async (answer) => {
      const { status } = answer;
      return { status, body: await wholeBody(answer), header: (name) => answer.header(name) };
    });
  }

  /** The same, with the body of a success still flowing. */
  download(request: WireRequest): Promise<Answer> {
    return this.signed(request, async (answer) => {
      if (answer.status >= 300) await answer.discard();
      return answer;
    });
  }

  /** Whether an address that an answer gave leads to Google, or to what stands in for it. */
  isOurs({ protocol, hostname, origin }: URL): boolean {
    if (origin === this.root) return true;
    if (this.standIn) return protocol === 'http:' && loopback.includes(hostname.replace(/^\[|\]$/g, ''));
    return protocol === 'https:' && /^([a-z0-9-]+\.)*googleapis\.com$/.test(hostname);
  }

  close(): void {
    this.outbound.close();
  }

  private async signed<Result>(request: WireRequest, read: (answer: Answer) => Promise<Result>): Promise<Result> {
    request.signal?.throwIfAborted();
    if (request.unsigned === true) return this.exchange(request, {}, read);
    // An address that an answer of the SDK or a slip of ours made: it must never get a token.
    if (request.url.origin !== this.root) throw new Error('a request that would leave Google');
    const token = await this.tokens.current(request.signal);
    try {
      return await this.exchange(request, { Authorization: `Bearer ${token}` }, read);
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
    }
    const renewed = await this.tokens.renew(token, request.signal);
    return this.exchange(request, { Authorization: `Bearer ${renewed}` }, read);
  }

  private async exchange<Result>(
    { method, url, gated, headers, body, signal, understood = [] }: WireRequest,
    authorization: OutgoingHttpHeaders,
    read: (answer: Answer) => Promise<Result>,
  ): Promise<Result> {
    const pass = await this.gate.enter(gated, signal);
    try {
      const sent = { method, url, headers: { ...headers, ...authorization }, body, signal, asIs: true };
      const answer = await this.outbound.send(sent);
      const success = answer.status >= 200 && answer.status < 300;
      if (!success && !understood.includes(answer.status)) throw await this.refusal(answer, gated);
      const result = await read(answer);
      pass.end({ kind: success || answer.status === 308 ? 'answered' : 'refused' });
      return result;
    } catch (error) {
      // What the caller or its body did says nothing about Google.
      pass.end(signal?.aborted === true ? { kind: 'refused' } : outcomeOf(error));
      signal?.throwIfAborted();
      throw error;
    }
  }

  private async refusal(answer: Answer, { kind }: GatedRequest): Promise<StorageFault> {
    const body = await wholeBody(answer, longestError).catch(() => Buffer.alloc(0));
    const retryAfter = answer.header('retry-after');
    return faultOf({ status: answer.status, body: body.toString(), retryAfter, upload: kind === 'upload' });
  }
}

/** Google may compress whatever it likes; what comes out is bounded as well. */
async function wholeBody(answer: Answer, longest = longestAnswer): Promise<Buffer> {
  const bytes = await answer.bytes(longest);
  if (answer.header('content-encoding') !== 'gzip' || bytes.length === 0) return bytes;
  try {
    return await unzip(bytes, { maxOutputLength: longest });
  } catch {
    throw new ConnectionAway('What Google sent cannot be read.');
  }
}
