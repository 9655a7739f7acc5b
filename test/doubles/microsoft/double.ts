import { Content } from './content.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { AccessTokens } from '#storage';
import { Accounts, type NewUser, type SignInWays, type Tokens, type User } from './accounts.js';
import { BytesHost, type BytesWays } from './bytes-host.js';
import { type Drive, filesOf, type Item } from './drive.js';
import { type Asked, refusal, Refusal, type Reply } from './exchange.js';
import { Graph, type GraphWays } from './graph.js';
import { signIn } from './sign-in.js';
import { type Misdeed, type RandomTrouble, type ScriptLine, Troubles } from './troubles.js';

export interface DoubleOptions {
  /** 0, or none: any that is free. */
  readonly port?: number;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** As the consent page shows it, and as the application's folder is called. */
  readonly applicationName?: string;
  /** Exact addresses; without them every one that Microsoft would take at all. */
  readonly redirectUris?: readonly string[];
  /** Without any: Ada, who has a personal account, and Grace, whose firm pays. */
  readonly users?: readonly NewUser[];
}

/** What a person does on the consent page. */
export interface ConsentChoice {
  /** An e-mail address; the first user where nothing is said. */
  readonly user?: string;
  readonly answer?: 'allow' | 'deny';
  /** What is granted instead of what was asked for. */
  readonly scopes?: readonly string[];
}

export interface StoredFile {
  /** Below the application's folder, its own name left away. */
  readonly path: string;
  readonly size: number;
}

const usualUsers: readonly NewUser[] = [
  { email: 'ada@example.com', name: 'Ada Example' },
  { email: 'grace@firm.example', name: 'Grace Example', kind: 'business' },
];
/** Those that a drive acts on inside; all others happen before or after. */
const inward = ['loses', 'spoils', 'keeps'];

/**
 * Stands in for Microsoft: the sign-in, Graph, and (on another origin) the hosts that take uploads and give downloads.
 * `origin` is what TESSERA_MICROSOFT_ORIGIN wants.
 */
export class MicrosoftDouble {
  /** Everything that was asked, as `METHOD http://…`, in order. */
  readonly requests: string[] = [];
  /** The `User-Agent` of each of them. */
  readonly agents: string[] = [];
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accounts: Accounts;
  readonly graph: Graph;
  readonly bytes: BytesHost;
  readonly troubles = new Troubles();
  /** Requests that came although a `Retry-After` had not passed. */
  early = 0;
  private ahead = 0;
  private quietUntil = 0;
  private server: Server | null = null;
  private bytesServer: Server | null = null;
  private readonly folder = mkdtempSync(join(tmpdir(), 'microsoft-double-'));
  private readonly clock = { now: () => Date.now() + this.ahead };

  constructor(options: DoubleOptions = {}) {
    const { clientId = 'tessera-client', clientSecret = 'tessera-secret' } = options;
    const { applicationName: name = 'Tessera', redirectUris = null, users = usualUsers } = options;
    [this.clientId, this.clientSecret] = [clientId, clientSecret];
    this.accounts = new Accounts({ clientId, clientSecret, name, redirectUris }, this.clock);
    this.bytes = new BytesHost(this.clock, this.folder, () => this.bytesOrigin);
    this.graph = new Graph(this.accounts, this.bytes, this.clock);
    for (const user of users) this.accounts.add(user);
  }

  get origin(): string {
    return originOf(this.server);
  }

  /** Where upload and download addresses lead. */
  get bytesOrigin(): string {
    return originOf(this.bytesServer);
  }

  get ways(): { readonly signIn: SignInWays; readonly graph: GraphWays; readonly bytes: BytesWays } {
    return { signIn: this.accounts.ways, graph: this.graph.ways, bytes: this.bytes.ways };
  }

  get users(): readonly User[] {
    return this.accounts.users;
  }

  drive(email = this.users[0]?.email ?? ''): Drive {
    return this.graph.driveOf(this.accounts.find(email));
  }

  /** All files in the application's folder of this user, and not in the bin. */
  files(email?: string): readonly StoredFile[] {
    const drive = this.drive(email);
    if (!drive.approot) return [];
    return filesOf(drive.approot).flatMap((item) =>
      item.children ? [] : [{ path: pathOf(item, drive.approot), size: item.content?.length ?? 0 }],
    );
  }

  /** Somebody puts other bytes under a path that `files` gave, or with null takes the file away. */
  changeByHand(email: string, path: string, change: (bytes: Buffer) => Buffer | null): void {
    const drive = this.drive(email);
    const item = drive.approot && drive.below(drive.approot, path.split('/'));
    if (!item?.content) throw new Error(`There is no file at ${path}.`);
    const bytes = change(item.content.read(0, item.content.length) as Buffer);
    if (bytes === null) drive.remove(item, true);
    else item.content = new Content(this.folder).append(bytes);
  }

  /** Its own time goes on by so much: codes, tokens, sessions and download addresses expire. */
  advance(ms: number): void {
    this.ahead += ms;
  }

  script(...lines: readonly ScriptLine[]): void {
    this.troubles.script(...lines);
  }

  atRandom(trouble: RandomTrouble | null): void {
    this.troubles.atRandom(trouble);
  }

  /** Tokens without the detour over the page. */
  grant(email: string, scopes: readonly string[]): Tokens {
    return this.accounts.grant(email, scopes);
  }

  /** As the gateway would keep them: the current one, and another when it was refused. */
  tokensOf(email: string, scopes: readonly string[] = ['Files.ReadWrite.AppFolder', 'offline_access']): AccessTokens {
    let token = this.grant(email, scopes).accessToken;
    return {
      current: async () => token,
      renew: async (refused) => {
        if (refused === token) token = this.grant(email, scopes).accessToken;
        return token;
      },
    };
  }

  /** Opens an authorization address as a browser would, and answers; the address that the browser is then sent to. */
  async consent(authorize: string, choice: ConsentChoice = {}): Promise<string> {
    const shown = await fetch(authorize, { redirect: 'manual' });
    const html = await shown.text();
    if (shown.status === 302) return shown.headers.get('location') ?? '';
    const words = html.replaceAll(/<style.*?<\/style>|<[^>]*>/g, ' ');
    if (shown.status !== 200) throw new Error(`the consent page says: ${words}`);
    const { user = this.users[0]?.email ?? '', answer = 'allow', scopes } = choice;
    const url = new URL(authorize);
    const form = new URLSearchParams({ query: url.search.slice(1), user, answer });
    if (scopes) form.set('scopes', scopes.join(' '));
    const sent = await fetch(url.origin + url.pathname, { method: 'POST', body: form, redirect: 'manual' });
    const location = sent.headers.get('location');
    if (location === null) throw new Error(`the consent page says: ${await sent.text()}`);
    return location;
  }

  async start(port = 0): Promise<this> {
    this.bytesServer = await listen(0, (request, response) => this.serve(this.bytesOrigin, request, response));
    this.server = await listen(port, (request, response) => this.serve(this.origin, request, response));
    return this;
  }

  async stop(): Promise<void> {
    await Promise.all([close(this.server), close(this.bytesServer)]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async serve(origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', origin);
    const line = `${method} ${url.href}`;
    this.requests.push(line);
    this.agents.push(headers['user-agent'] ?? '');
    if (this.clock.now() < this.quietUntil) this.early += 1;
    const misdeed = this.troubles.befalls(line);
    if (misdeed?.kind === 'resets') return void request.socket.resetAndDestroy();
    const body = await buffer(request);
    if (misdeed?.kind === 'falls-silent') return;
    if (misdeed?.kind === 'answers') return this.send(response, refusal(misdeed));
    const inside = misdeed && inward.includes(misdeed.kind) ? misdeed : null;
    const reply = this.answer({ method, url, headers, body, misdeed: inside });
    if (misdeed?.kind === 'resets-after' || misdeed?.kind === 'keeps') return void request.socket.resetAndDestroy();
    if (misdeed?.kind === 'fails-after') return this.send(response, refusal(misdeed));
    this.send(response, reply, misdeed);
  }

  private answer(asked: Asked): Reply {
    try {
      if (asked.url.origin === this.bytesOrigin) return this.bytes.answer(asked);
      return signIn(this.accounts, asked) ?? this.graph.answer(asked) ?? refusal({ status: 404, code: 'itemNotFound' });
    } catch (error) {
      if (error instanceof Refusal) return refusal(error);
      throw error;
    }
  }

  private send(response: ServerResponse, { status, headers, body }: Reply, misdeed?: Misdeed | null): void {
    const seconds = Number(headers['Retry-After']);
    if (seconds > 0) this.quietUntil = Math.max(this.quietUntil, this.clock.now() + seconds * 1000);
    response.writeHead(status, headers);
    if (misdeed?.kind === 'breaks') return breakOff(response, body, misdeed.after);
    if (body instanceof Readable) body.pipe(response);
    else response.end(body);
  }
}

export async function startMicrosoftDouble(options: DoubleOptions = {}): Promise<MicrosoftDouble> {
  return new MicrosoftDouble(options).start(options.port);
}

function pathOf(item: Item, top: Item | null): string {
  return item.parent && item.parent !== top ? `${pathOf(item.parent, top)}/${item.name}` : item.name;
}

/** The head and a part of the body arrive; then the connection is gone. */
function breakOff(response: ServerResponse, body: Reply['body'], after: number): void {
  void (async () => {
    const whole = body instanceof Readable ? await buffer(body) : Buffer.from(body);
    response.write(whole.subarray(0, after), () => response.socket?.resetAndDestroy());
  })();
}

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function listen(port: number, serve: Serve): Promise<Server> {
  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function close(server: Server | null): Promise<void> {
  if (!server) return;
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}

function originOf(server: Server | null): string {
  if (!server) throw new Error('the double is not started');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
