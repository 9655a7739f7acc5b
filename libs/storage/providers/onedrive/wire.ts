import { ConnectionAway } from '../../errors.js';
import type { AccessTokens } from '../../oauth/rules.js';
import { type Answer, Outbound, type OutboundRules } from '../../outbound/index.js';
import type { BlobBody } from '../../provider.js';
import { type GatedRequest, openGate, type RequestGate, type RequestOutcome } from '../../request-gate.js';
import { outcomeOf } from './graph-faults.js';
import { NotUnderstood } from './items.js';
import { parsed, type Told } from './told.js';

export interface WireRequest {
  readonly kind: GatedRequest['kind'];
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BlobBody;
  /** What comes, where it is much. */
  readonly bytes?: number;
  /** Microsoft's: two for whatever changes or lists, one for a look or a download. */
  readonly units?: number;
}

export interface WirePlace {
  readonly tokens: AccessTokens;
  readonly origin?: string | null;
  readonly gate?: RequestGate;
  readonly outbound?: OutboundRules;
}

export const vendorOrigin = 'https://graph.microsoft.com';
/** A page of a thousand items with their hashes is about 400 KiB. */
const longestAnswer = 4 * 1024 * 1024;
const longestLink = 8 * 1024;
/** Traffic without a name of this form is throttled first. */
const userAgent = 'NONISV|Tessera|Tessera/1.0';

/**
 * Every request to Microsoft, Graph's and those for bytes, passes here: before it the gate, then the address rules. Our
 * token goes to Graph alone; the hosts that take and give bytes know whom they deal with by the address.
 */
export class Wire {
  readonly graph: URL;
  /** Whether waiting is what the gate does, or what nobody does. */
  readonly paced: boolean;
  private readonly outbound: Outbound;
  private readonly gate: RequestGate;
  private readonly tokens: AccessTokens;

  constructor({ tokens, origin, gate, outbound }: WirePlace) {
    this.graph = new URL(origin ?? vendorOrigin);
    this.tokens = tokens;
    this.gate = gate ?? openGate;
    this.paced = gate !== undefined;
    // What the operator opens to addresses that somebody typed has no say here.
    this.outbound = new Outbound({ ...outbound, allowHosts: hostsOf(this.graph) });
  }

  /** To Graph, with our token. A token that is refused is renewed once. */
  async asOwner(request: WireRequest, signal?: AbortSignal): Promise<Told> {
    if (request.url.origin !== this.graph.origin) throw new Error('our token is for Graph alone');
    const token = await this.tokens.current(signal);
    const told = await this.exchange(withToken(request, token), signal);
    if (told.status !== 401) return told;
    return this.exchange(withToken(request, await this.tokens.renew(token, signal)), signal);
  }

  /** Without our token. */
  async exchange(request: WireRequest, signal?: AbortSignal): Promise<Told> {
    return this.passing(request, signal, async () => {
      const answer = await this.send(request, signal);
      const body = await answer.bytes(longestAnswer);
      return { status: answer.status, header: (name) => answer.header(name), json: parsed(body) };
    });
  }

  /** Without our token; the body has yet to be read. */
  async open(request: WireRequest, signal?: AbortSignal): Promise<Answer> {
    return this.passing(request, signal, () => this.send(request, signal));
  }

  /** Where an answer sends us. The address rules are asked before anything is sent there. */
  link(text: string | null): URL {
    const url = text === null || text.length > longestLink ? null : URL.parse(text);
    if (!url || !['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
      throw new NotUnderstood();
    }
    return url;
  }

  close(): void {
    this.outbound.close();
  }

  private send({ method, url, headers, body }: WireRequest, signal?: AbortSignal): Promise<Answer> {
    const named = { 'User-Agent': userAgent, Accept: 'application/json', ...headers };
    return this.outbound.send({ method, url, headers: named, body, signal, asIs: true });
  }

  private async passing<Result extends Pick<Answer, 'status' | 'header'>>(
    { kind, body, bytes = body?.length, units = 1 }: WireRequest,
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const pass = await this.gate.enter({ kind, units, ...(bytes !== undefined && { bytes }) }, signal);
    // Whoever broke off (a caller who has gone, a body that failed) says nothing about the connection.
    let outcome: RequestOutcome = { kind: 'refused' };
    try {
      const told = await work();
      outcome = outcomeOf({ status: told.status, header: (name) => told.header(name) });
      return told;
    } catch (error) {
      if (error instanceof ConnectionAway) outcome = { kind: 'failed' };
      throw error;
    } finally {
      pass.end(outcome);
    }
  }
}

/** An origin that stands in for Microsoft may lie on this machine, and the links in its answers too. */
function hostsOf({ hostname, origin }: URL): readonly string[] {
  if (origin === vendorOrigin) return [];
  const host = hostname.replace(/^\[|\]$/g, '');
  const local = host === 'localhost' || host === '::1' || /^127\./.test(host);
  return local ? ['localhost', '127.0.0.0/8', '::1'] : [host];
}

function withToken(request: WireRequest, token: string): WireRequest {
  return { ...request, headers: { ...request.headers, Authorization: `Bearer ${token}` } };
}
