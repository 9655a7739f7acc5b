import {
  Client,
  type Context,
  type Middleware,
  type MiddlewareOptions,
  ResponseType,
} from '@microsoft/microsoft-graph-client';
import { faultOf } from './graph-faults.js';
import { NotUnderstood } from './items.js';
import type { Told } from './told.js';
import { vendorOrigin, type Wire, type WireRequest } from './wire.js';

const version = 'v1.0';

/** Travels through the SDK with one request: what goes beside it, and what came of it. */
class Journey implements MiddlewareOptions {
  told: Told | undefined;
  failure: unknown;

  constructor(
    readonly kind: WireRequest['kind'],
    readonly units: number,
    readonly signal: AbortSignal | undefined,
  ) {}
}

/** The whole chain: no retries, no redirects, no sockets of the SDK's own. Everything leaves through the wire. */
class Exit implements Middleware {
  constructor(private readonly wire: Wire) {}

  async execute(context: Context): Promise<void> {
    const { request, options, middlewareControl } = context;
    const journey = middlewareControl?.getMiddlewareOptions(Journey) as Journey;
    const { method = 'GET', body, headers } = options ?? {};
    const bytes = typeof body === 'string' ? Buffer.from(body) : undefined;
    try {
      journey.told = await this.wire.asOwner(
        {
          kind: journey.kind,
          units: journey.units,
          method: method as WireRequest['method'],
          url: new URL(String(request)),
          headers: { ...(headers as Record<string, string>) },
          ...(bytes && { body: { length: bytes.length, pieces: () => [bytes] } }),
        },
        journey.signal,
      );
    } catch (error) {
      journey.failure = error;
      throw error;
    }
    context.response = new Response(null, { status: 204 });
  }
}

/** Statuses that the caller wants to look at by itself; any other that is no success is thrown as the fault it means. */
export interface GraphCall {
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
}

/** Graph's calls about drives and items, sent by Microsoft's own client. */
export class Graph {
  private readonly client: Client;

  constructor(readonly wire: Wire) {
    this.client = Client.initWithMiddleware({
      baseUrl: wire.graph.origin,
      defaultVersion: version,
      middleware: new Exit(wire),
    });
  }

  get(path: string, query: Readonly<Record<string, string>>, call: GraphCall = {}): Promise<Told> {
    return this.run('look', 1, call, (journey) =>
      this.request(path, journey)
        .query({ ...query })
        .get(),
    );
  }

  /** A folder's children; `path` may be what `nextPath` made of the link to the next page. */
  list(path: string, query: Readonly<Record<string, string>>, call: GraphCall = {}): Promise<Told> {
    return this.run('look', 2, call, (journey) =>
      this.request(path, journey)
        .query({ ...query })
        .get(),
    );
  }

  /** The link to the next page is followed as it was told, but to nobody else than who told it. */
  nextPath(link: string): string {
    const url = URL.parse(link);
    const ours = url !== null && [this.wire.graph.origin, vendorOrigin].includes(url.origin);
    if (!ours || !url.pathname.startsWith(`/${version}/`) || link.includes('#')) throw new NotUnderstood();
    return url.pathname.slice(version.length + 1) + url.search;
  }

  post(path: string, body: object | undefined, call: GraphCall = {}): Promise<Told> {
    return this.run('change', 2, call, (journey) => this.request(path, journey).post(body));
  }

  delete(path: string, call: GraphCall = {}): Promise<Told> {
    return this.run('change', 2, call, (journey) => this.request(path, journey).delete());
  }

  /** The address of a call whose body or answer is bytes, which the SDK had better not touch. */
  url(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(`${this.wire.graph.origin}/${version}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  private request(path: string, journey: Journey) {
    return this.client.api(path).responseType(ResponseType.RAW).middlewareOptions([journey]);
  }

  private async run(
    kind: WireRequest['kind'],
    units: number,
    { accept = [], signal }: GraphCall,
    send: (journey: Journey) => Promise<unknown>,
  ): Promise<Told> {
    const journey = new Journey(kind, units, signal);
    try {
      await send(journey);
    } catch (error) {
      // The SDK wraps what it catches, and forgets its class.
      throw journey.failure ?? error;
    }
    const { told } = journey;
    if (!told) throw new Error('the SDK sent nothing');
    if ((told.status >= 200 && told.status < 300) || accept.includes(told.status)) return told;
    throw faultOf(told);
  }
}
