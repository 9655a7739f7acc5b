import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Accounts, type NewUser, type SignInWays, type Tokens, type User } from './accounts.js';
import type { Asked, Reply } from './exchange.js';
import { signIn } from './sign-in.js';
import { type Misdeed, type RandomTrouble, type ScriptLine, Troubles } from './troubles.js';

export interface DoubleOptions {
  /** 0, or none: any that is free. */
  readonly port?: number;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** As the consent page shows it. */
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

const usualUsers: readonly NewUser[] = [
  { email: 'ada@example.com', name: 'Ada Example' },
  { email: 'grace@firm.example', name: 'Grace Example', kind: 'business' },
];

/**
 * Stands in for Microsoft: the sign-in, Graph, and (on another origin) the hosts that take uploads and give downloads.
 * `origin` is what TESSERA_MICROSOFT_ORIGIN wants.
 */
export class MicrosoftDouble {
  /** Everything that was asked, as `METHOD http://…`, in order. */
  readonly requests: string[] = [];
  readonly ways: SignInWays;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accounts: Accounts;
  readonly troubles = new Troubles();
  private ahead = 0;
  private server: Server | null = null;

  constructor(options: DoubleOptions = {}) {
    const { clientId = 'tessera-client', clientSecret = 'tessera-secret' } = options;
    const { applicationName: name = 'Tessera', redirectUris = null, users = usualUsers } = options;
    [this.clientId, this.clientSecret] = [clientId, clientSecret];
    this.accounts = new Accounts(
      { clientId, clientSecret, name, redirectUris },
      { now: () => Date.now() + this.ahead },
    );
    this.ways = this.accounts.ways;
    for (const user of users) this.accounts.add(user);
  }

  get origin(): string {
    return originOf(this.server);
  }

  get users(): readonly User[] {
    return this.accounts.users;
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

  /** Opens an authorization address as a browser would, and answers; the address that the browser is then sent to. */
  async consent(authorize: string, choice: ConsentChoice = {}): Promise<string> {
    const shown = await fetch(authorize, { redirect: 'manual' });
    const html = await shown.text();
    if (shown.status === 302) return shown.headers.get('location') ?? '';
    if (shown.status !== 200)
      throw new Error(`the consent page says: ${html.replaceAll(/<style.*?<\/style>|<[^>]*>/g, ' ')}`);
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
    this.server = await listen(port, (request, response) => this.serve(request, response));
    return this;
  }

  async stop(): Promise<void> {
    await close(this.server);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', this.origin);
    const line = `${method} ${url.href}`;
    this.requests.push(line);
    const misdeed = this.troubles.befalls(line);
    if (misdeed?.kind === 'resets') return void request.socket.resetAndDestroy();
    const body = await buffer(request);
    if (misdeed?.kind === 'falls-silent') return;
    if (misdeed?.kind === 'answers') return send(response, refusal(misdeed));
    const reply = this.answer({ method, url, headers, body });
    if (misdeed?.kind === 'resets-after') return void request.socket.resetAndDestroy();
    if (misdeed?.kind === 'fails-after') return send(response, refusal(misdeed));
    send(response, reply);
  }

  private answer(asked: Asked): Reply {
    return signIn(this.accounts, asked) ?? refusal({ status: 404, code: 'itemNotFound' });
  }
}

export async function startMicrosoftDouble(options: DoubleOptions = {}): Promise<MicrosoftDouble> {
  return new MicrosoftDouble(options).start(options.port);
}

type Refusal = Omit<Extract<Misdeed, { kind: 'answers' }>, 'kind'>;

function refusal({ status, code = 'generalException', inner, headers, body }: Refusal): Reply {
  const inside = { date: new Date().toISOString(), 'request-id': 'double', ...(inner && { code: inner }) };
  const envelope = JSON.stringify({ error: { code, message: `The double says ${code}.`, innerError: inside } });
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: body ?? envelope };
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers);
  if (body instanceof Readable) body.pipe(response);
  else response.end(body);
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
