import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Misbehaviour, and what differs from one server to the next. A test may change it at any time. */
export interface NextcloudWays {
  hash: 'right' | 'wrong' | 'none';
  conditions: boolean;
  ranges: boolean;
  maintenance: boolean;
  /** As the server says it: −3 for “unlimited”. */
  quota: number;
  /** What the server takes for its own address. */
  origin?: string;
  /** Answers the next requests of a method instead of doing what they ask. */
  instead: ((method: string, path: string) => { status: number; headers?: Record<string, string> } | undefined) | null;
}

export interface NextcloudDouble {
  readonly url: string;
  readonly login: { readonly username: string; readonly password: string };
  readonly ways: NextcloudWays;
  /** Files by their path below the user's, null for folders. */
  readonly files: Map<string, Buffer | null>;
  readonly trash: string[];
  /** Method and path of everything that was asked. */
  readonly asked: string[];
  /** By the token that collects them: logins on the page, which a test grants. */
  readonly logins: Map<string, 'begun' | 'granted'>;
  /** How many app passwords were given back. */
  readonly withdrawn: number;
  stop(): Promise<void>;
}

const login = { username: 'alice@example.com', password: 'app-passw-ord' };
const userId = 'alice id';
const filesRoot = `/cloud/remote.php/dav/files/${encodeURIComponent(userId)}/`;

/** As much of Nextcloud as differs from a plain server: where files lie, hashes, the trash, quotas. */
export async function startNextcloudDouble(): Promise<NextcloudDouble> {
  const ways: NextcloudWays = {
    hash: 'right',
    conditions: true,
    ranges: true,
    maintenance: false,
    quota: 1_000_000,
    instead: null,
  };
  const double = {
    ways,
    files: new Map<string, Buffer | null>([['', null]]),
    trash: [] as string[],
    asked: [] as string[],
    logins: new Map<string, 'begun' | 'granted'>(),
    withdrawn: 0,
  };
  const server = createServer((request, response) => {
    answer(double, request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...double,
    get withdrawn() {
      return double.withdrawn;
    },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/cloud`,
    login,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Inside = Omit<NextcloudDouble, 'url' | 'login' | 'stop' | 'withdrawn'> & { withdrawn: number };

async function answer(double: Inside, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: path = '', headers } = request;
  double.asked.push(`${method} ${path}`);
  const instead = double.ways.instead?.(method, path);
  const body = await buffer(request);
  if (instead) return void response.writeHead(instead.status, instead.headers).end();
  if (path === '/cloud/status.php') {
    const status = {
      installed: true,
      maintenance: double.ways.maintenance,
      version: '31.0.5.1',
      productname: 'Nextcloud',
    };
    return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(status));
  }
  if (path === '/cloud/index.php/login/v2' && method === 'POST') return beginLogin(double, headers.host, response);
  if (path === '/cloud/login/v2/poll' && method === 'POST') return collectLogin(double, body, headers.host, response);
  const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64');
  if (headers.authorization !== `Basic ${basic}`) return void response.writeHead(401).end();
  if (path === '/cloud/ocs/v2.php/core/apppassword' && method === 'DELETE') {
    double.withdrawn += 1;
    return void response.writeHead(200).end('{}');
  }
  if (path.startsWith('/cloud/ocs/v2.php/cloud/user')) {
    if (headers['ocs-apirequest'] !== 'true') return void response.writeHead(412).end();
    return void response.writeHead(200).end(JSON.stringify({ ocs: { data: { id: userId } } }));
  }
  if (!path.startsWith(filesRoot)) return void response.writeHead(404).end();
  const name = decodeURIComponent(path.slice(filesRoot.length)).replace(/\/$/, '');
  const verbs: Record<string, () => void> = {
    PUT: () => put(double, name, body, request, response),
    GET: () => get(double, name, request, response),
    MKCOL: () => mkcol(double, name, response),
    MOVE: () => move(double, name, request, response),
    DELETE: () => remove(double, name, request, response),
    PROPFIND: () => propfind(double, name, request, response),
  };
  (verbs[method] ?? (() => response.writeHead(405).end()))();
}

/** Whoever has the token may collect once the person has let them in, and only once. */
function beginLogin(double: Inside, host = '', response: ServerResponse): void {
  const token = randomBytes(64).toString('hex');
  double.logins.set(token, 'begun');
  const { origin = `http://${host}` } = double.ways;
  const poll = { token, endpoint: `${origin}/cloud/login/v2/poll` };
  response.writeHead(200).end(JSON.stringify({ poll, login: `${origin}/cloud/login/v2/flow/${token.slice(0, 8)}` }));
}

function collectLogin(double: Inside, body: Buffer, host: string | undefined, response: ServerResponse): void {
  const token = new URLSearchParams(body.toString()).get('token') ?? '';
  if (double.logins.get(token) !== 'granted') return void response.writeHead(404).end('[]');
  double.logins.delete(token);
  const told = { server: `http://${host}/cloud`, loginName: login.username, appPassword: login.password };
  response.writeHead(200).end(JSON.stringify(told));
}

function parentOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '';
}

function put(
  { files, ways }: Inside,
  name: string,
  body: Buffer,
  { headers }: IncomingMessage,
  response: ServerResponse,
) {
  if (files.get(parentOf(name)) !== null) return response.writeHead(409).end();
  if (ways.conditions && headers['if-none-match'] === '*' && files.has(name)) return response.writeHead(412).end();
  const status = files.has(name) ? 204 : 201;
  files.set(name, body);
  const hash = createHash('sha256')
    .update(ways.hash === 'wrong' ? 'other' : body)
    .digest('hex');
  if (headers['x-hash'] === 'sha256' && ways.hash !== 'none') response.setHeader('X-Hash-SHA256', hash);
  response.writeHead(status).end();
}

function get({ files, ways }: Inside, name: string, { headers }: IncomingMessage, response: ServerResponse) {
  const file = files.get(name);
  if (!file) return response.writeHead(404).end();
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined || !ways.ranges) return response.writeHead(200, { 'Content-Length': file.length }).end(file);
  if (Number(from) >= file.length) return response.writeHead(416).end();
  const part = file.subarray(Number(from), Number(to) + 1);
  const range = `bytes ${from}-${Number(from) + part.length - 1}/${file.length}`;
  response.writeHead(206, { 'Content-Length': part.length, 'Content-Range': range }).end(part);
}

function mkcol({ files }: Inside, name: string, response: ServerResponse) {
  if (files.has(name)) return response.writeHead(405).end();
  if (files.get(parentOf(name)) !== null) return response.writeHead(409).end();
  files.set(name, null);
  response.writeHead(201).end();
}

function move({ files }: Inside, name: string, { headers }: IncomingMessage, response: ServerResponse) {
  const to = decodeURIComponent(new URL(String(headers['destination'])).pathname.slice(filesRoot.length));
  const file = files.get(name);
  if (!file) return response.writeHead(404).end();
  if (headers['overwrite'] === 'F' && files.has(to)) return response.writeHead(412).end();
  files.set(to, file);
  files.delete(name);
  response.writeHead(201).end();
}

function remove({ files, trash }: Inside, name: string, { headers }: IncomingMessage, response: ServerResponse) {
  if (!files.has(name)) return response.writeHead(404).end();
  for (const path of files.keys()) {
    if (path !== name && !path.startsWith(`${name}/`)) continue;
    if (headers['x-nc-skip-trashbin'] !== 'true') trash.push(path);
    files.delete(path);
  }
  response.writeHead(204).end();
}

function propfind({ files, ways }: Inside, name: string, { headers }: IncomingMessage, response: ServerResponse) {
  if (!files.has(name)) return response.writeHead(404).end();
  const found = [...files.keys()].filter(
    (path) => path === name || (headers['depth'] === '1' && path !== '' && parentOf(path) === name),
  );
  const xml = found.map((path) => {
    const file = files.get(path);
    const href = filesRoot + path.split('/').map(encodeURIComponent).join('/') + (file || path === '' ? '' : '/');
    const fine = file
      ? `<d:resourcetype/><d:getcontentlength>${file.length}</d:getcontentlength>`
      : '<d:resourcetype><d:collection/></d:resourcetype><d:quota-used-bytes>4096</d:quota-used-bytes>' +
        `<d:quota-available-bytes>${ways.quota}</d:quota-available-bytes>`;
    // The group of what is not there comes first, as the standard allows.
    return (
      `<d:response><d:href>${href}</d:href><d:propstat><d:prop><d:getetag/></d:prop>` +
      `<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat><d:propstat><d:prop>${fine}</d:prop>` +
      '<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>'
    );
  });
  const text = `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">${xml.join('')}</d:multistatus>`;
  response.writeHead(207, { 'Content-Type': 'application/xml; charset=utf-8' }).end(text);
}
