import { type ClientRequest, type OutgoingHttpHeaders, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { AddressRefused, BodyLengthWrong, ConnectionAway, SentElsewhere } from '../errors.js';
import type { BlobBody } from '../provider.js';
import { openGate, type RequestGate } from '../request-gate.js';
import { AllowList } from './allow-list.js';
import { Answer } from './answer.js';
import { Gate, type Resolve } from './gate.js';
import { gatedRequest, outcomeOf } from './gated.js';
import { type GuardedAgents, guardedAgents } from './guarded-agents.js';
import { asNetworkFault } from './network-faults.js';

/** What the operator allows requests to addresses that somebody typed. */
export interface OutboundRules {
  /** Host names and CIDR ranges that may be reached although they are private. */
  readonly allowHosts: readonly string[];
  readonly resolve?: Resolve;
  /** Where hosts of the open internet may be spoken to. */
  readonly ports?: readonly number[];
  readonly limits?: Partial<OutboundLimits>;
}

export interface OutboundLimits {
  /** Name, socket and TLS together. */
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** From the last byte of a request to the head of its answer. */
  readonly headMs: number;
}

export interface OutboundRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: BlobBody;
  readonly signal?: AbortSignal;
  /** Redirects are answers like any other: 308 is a good word in some protocols. */
  readonly asIs?: boolean;
}

const usualLimits: OutboundLimits = { connectMs: 10_000, idleMs: 60_000, headMs: 120_000 };
const mostRedirects = 3;
/** These ask and change nothing, so they may be asked again a few doors on; any other is refused its redirect. */
const harmless = ['GET', 'HEAD', 'PROPFIND'];
const redirects = [301, 302, 303, 307, 308];

/**
 * HTTP to an address that a person or a foreign server gave. One for each connection: sockets are kept for its
 * requests alone. Every socket goes to an address that was checked (`Gate`), certificates are always verified, no
 * proxy of the environment stands between, and no redirect leaves the origin or carries a change.
 */
export class Outbound {
  /** For a library that sends by itself. */
  readonly agents: GuardedAgents;
  private readonly gate: Gate;
  private readonly limits: OutboundLimits;

  /** `pace` stands before every request, each hop of a redirect included. */
  constructor(
    { allowHosts, resolve, ports, limits }: OutboundRules,
    private readonly pace: RequestGate = openGate,
  ) {
    this.gate = new Gate(new AllowList(allowHosts), resolve, ports);
    this.limits = { ...usualLimits, ...limits };
    this.agents = guardedAgents(this.gate, this.limits.connectMs);
  }

  /** What somebody typed as an address, parsed once. Throws AddressRefused with words for them. Looks nothing up. */
  readAddress(typed: string): URL {
    const text = typed.trim();
    if (/[\s\\\p{Cc}]/u.test(text) || !URL.canParse(text)) throw new AddressRefused('This is not a web address.');
    const url = new URL(text);
    if (!['https:', 'http:'].includes(url.protocol)) throw new AddressRefused('A web address begins with “https://”.');
    if (url.username !== '' || url.password !== '') {
      throw new AddressRefused('User name and password have fields of their own and do not belong into the address.');
    }
    if (text.includes('#') || text.includes('?')) throw new AddressRefused('The address must not contain “?” or “#”.');
    if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
    this.admit(url);
    return url;
  }

  /** The answer, whatever its status: redirects that may not be followed throw SentElsewhere. */
  async send(request: OutboundRequest): Promise<Answer> {
    let { url } = request;
    for (let hops = 0; ; hops += 1) {
      const answer = await this.sendPaced({ ...request, url });
      if (request.asIs === true || !redirects.includes(answer.status)) return answer;
      await answer.discard();
      const next = this.nextHop(url, answer.header('location'));
      if (hops >= mostRedirects || !harmless.includes(request.method)) throw new SentElsewhere();
      url = next;
    }
  }

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private admit(url: URL): void {
    const secure = url.protocol === 'https:';
    this.gate.admit(url.hostname, url.port === '' ? (secure ? 443 : 80) : Number(url.port), secure);
  }

  private nextHop(from: URL, location: string | null): URL {
    const next = location === null ? null : URL.parse(location, from);
    if (!next) throw new SentElsewhere();
    if (next.origin !== from.origin) throw new SentElsewhere(this.tellable(next));
    return next;
  }

  /** A server's word for where to go is passed on only if a person could type it here. */
  private tellable({ origin, pathname }: URL): string | undefined {
    try {
      return this.readAddress(origin + pathname).href;
    } catch {
      return undefined;
    }
  }

  /** The pass of a download ends with its head: a slow reader holds no place. Any other ends when the answer was read. */
  private async sendPaced(request: OutboundRequest): Promise<Answer> {
    const { method, headers, body, signal } = request;
    const asked = gatedRequest(method, headers, body);
    const pass = await this.pace.enter(asked, signal);
    try {
      const answer = await this.sendOnce(request);
      const outcome = outcomeOf(answer.status, answer.header('retry-after'));
      if (asked.kind === 'download') pass.end(outcome);
      else answer.onRead((broken) => pass.end(broken ? { kind: 'failed' } : outcome));
      return answer;
    } catch (error) {
      pass.end({ kind: error instanceof ConnectionAway ? 'failed' : 'refused' });
      throw error;
    }
  }

  private async sendOnce({ method, url, headers, body, signal }: OutboundRequest): Promise<Answer> {
    signal?.throwIfAborted();
    this.admit(url);
    const secure = url.protocol === 'https:';
    const agent = secure ? this.agents.https : this.agents.http;
    const length = body === undefined ? {} : { 'Content-Length': body.length };
    const options = { method, agent, signal, headers: { 'User-Agent': 'Tessera', ...headers, ...length } };
    const request = secure ? secureRequest(url, options) : plainRequest(url, options);
    try {
      return await this.exchange(request, body, signal);
    } catch (error) {
      request.destroy();
      signal?.throwIfAborted();
      throw asNetworkFault(error);
    }
  }

  private async exchange(request: ClientRequest, body?: BlobBody, signal?: AbortSignal): Promise<Answer> {
    const { idleMs, headMs } = this.limits;
    let late: NodeJS.Timeout | undefined;
    let waiting = true;
    const answered = new Promise<Answer>((resolve, reject) => {
      request.once('response', (message) => resolve(new Answer(request, message, signal)));
      request.on('error', reject);
      request.setTimeout(idleMs, () => request.destroy(new ConnectionAway('The server has fallen silent.')));
      request.once('finish', () => {
        if (!waiting) return;
        late = setTimeout(() => request.destroy(new ConnectionAway('The server takes too long to answer.')), headMs);
      });
    });
    try {
      const unsent = sendBody(request, body, answered).then(() => answered);
      return await Promise.race([answered, unsent]);
    } finally {
      waiting = false;
      clearTimeout(late);
    }
  }
}

/**
 * The last piece leaves only when it is known to be the last: a body of another length than announced is never
 * complete for the server, which keeps nothing of it. Stops when the answer comes early.
 */
async function sendBody(request: ClientRequest, body: BlobBody | undefined, answered: Promise<unknown>): Promise<void> {
  if (body === undefined) return void request.end();
  let done = false;
  const over = answered.then(
    () => void (done = true),
    () => void (done = true),
  );
  let held: Buffer | undefined;
  let total = 0;
  for await (const piece of body.pieces()) {
    if (done) return;
    if (piece.length === 0) continue;
    total += piece.length;
    if (total > body.length) throw new BodyLengthWrong();
    if (held && !request.write(held)) await Promise.race([over, drained(request)]);
    held = piece;
  }
  if (total !== body.length) throw new BodyLengthWrong();
  if (!done) request.end(held);
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => request.once('drain', resolve));
}
