import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { AddressRefused, BodyLengthWrong, ConnectionAway, SentElsewhere } from '../errors.js';
import { bodyOf, someBytes } from '../testing/bytes.js';
import { startNameServer } from '../testing/servers/name-server.js';
import { Outbound, type OutboundRules } from './outbound.js';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function listen<S extends Server>(server: S, host = '127.0.0.1', port = 0): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const serve = (answer: RequestListener, host?: string, port?: number) => listen(createServer(answer), host, port);

function outboundOf(rules: Partial<OutboundRules> = {}): Outbound {
  const outbound = new Outbound({ allowHosts: ['127.0.0.1'], ...rules });
  opened.push(() => outbound.close());
  return outbound;
}

const at = (port: number, path = '/', host = '127.0.0.1') => new URL(`http://${host}:${port}${path}`);

describe('A request to an address that somebody gave', () => {
  it('brings back status, head and body, over one socket that is kept', async () => {
    const sockets = new Set<Socket>();
    const port = await serve((request, response) => {
      sockets.add(request.socket);
      response.writeHead(207, { 'X-Word': 'yes' }).end(`${request.method} ${request.headers['x-mine']}`);
    });
    const outbound = outboundOf();
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await outbound.send({ method: 'PROPFIND', url: at(port), headers: { 'X-Mine': 'here' } });
      expect([answer.status, answer.header('x-word')]).toEqual([207, 'yes']);
      expect(String(await answer.bytes(100))).toBe('PROPFIND here');
    }
    expect(sockets.size).toBe(1);
  });

  it('sends a body of many pieces with its length', async () => {
    const bytes = someBytes(3_000_000);
    const got: Buffer[] = [];
    const port = await serve((request, response) => {
      request.on('data', (piece: Buffer) => got.push(piece));
      request.on('end', () => response.end(request.headers['content-length']));
    });
    const answer = await outboundOf().send({ method: 'PUT', url: at(port), body: bodyOf(bytes) });
    expect(String(await answer.bytes(100))).toBe('3000000');
    expect(Buffer.concat(got).equals(bytes)).toBe(true);
  });

  it.each([
    ['more', 999],
    ['fewer', 1001],
  ])('never completes a body of %s bytes than announced', async (_word, length) => {
    let whole = 0;
    const port = await serve((request) => request.on('end', () => (whole += 1)).resume());
    const body = { length, pieces: () => bodyOf(someBytes(1000), 100).pieces() };
    await expect(outboundOf().send({ method: 'PUT', url: at(port), body })).rejects.toThrow(BodyLengthWrong);
    expect(whole).toBe(0);
  });

  it('takes an answer that comes before all was sent, and goes on with another socket', async () => {
    const port = await serve((request, response) => {
      if (request.method === 'PUT') response.writeHead(507).end('full');
      else response.end('fine');
    });
    const outbound = outboundOf();
    const endless = {
      length: 2 ** 40,
      async *pieces() {
        for (;;) yield someBytes(65_536);
      },
    };
    const answer = await outbound.send({ method: 'PUT', url: at(port), body: endless });
    expect(answer.status).toBe(507);
    await answer.discard();
    expect((await outbound.send({ method: 'GET', url: at(port) })).status).toBe(200);
  });

  it('reads no more of an answer than was expected', async () => {
    const port = await serve((_request, response) => void response.end(someBytes(200_000)));
    const answer = await outboundOf().send({ method: 'GET', url: at(port) });
    await expect(answer.bytes(100_000)).rejects.toThrow(ConnectionAway);
  });

  it('says so when an answer breaks off', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'Content-Length': 1000 }).write('short', () => response.destroy());
    });
    const answer = await outboundOf().send({ method: 'GET', url: at(port) });
    await expect(answer.bytes(1000)).rejects.toThrow(ConnectionAway);
  });

  it.each(['idleMs', 'headMs'] as const)('waits no longer than %s for a server that says nothing', async (limit) => {
    const port = await serve(() => undefined);
    const outbound = outboundOf({ limits: { [limit]: 50 } });
    await expect(outbound.send({ method: 'GET', url: at(port) })).rejects.toThrow(ConnectionAway);
  });

  it('waits no longer than connectMs for a server that takes the socket and says no word of TLS', async () => {
    const silent = createSocketServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    opened.push(() => silent.close());
    const outbound = outboundOf({ limits: { connectMs: 50 } });
    const url = new URL(`https://127.0.0.1:${(silent.address() as AddressInfo).port}/`);
    await expect(outbound.send({ method: 'GET', url })).rejects.toThrow('too long');
  });

  it('ends with its caller’s reason', async () => {
    const leaving = new AbortController();
    const port = await serve(() => leaving.abort(new Error('gone')));
    await expect(outboundOf().send({ method: 'GET', url: at(port), signal: leaving.signal })).rejects.toThrow('gone');
  });

  it('says nothing of what answers at a closed door', async () => {
    const fault: unknown = await outboundOf()
      .send({ method: 'GET', url: at(1024 + 7) })
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ConnectionAway);
    expect((fault as Error).message).not.toMatch(/127|ECONN|1031/);
  });

  it('asks no proxy of the environment', async () => {
    let asked = 0;
    const proxy = await serve((_request, response) => {
      asked += 1;
      response.end();
    });
    const port = await serve((_request, response) => void response.end('direct'));
    for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']) {
      const before = process.env[name];
      process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${proxy}`;
      onTestFinished(() => {
        if (before === undefined) delete process.env[name];
        else process.env[name] = before;
      });
    }
    const answer = await outboundOf().send({ method: 'GET', url: at(port) });
    expect(String(await answer.bytes(100))).toBe('direct');
    expect(asked).toBe(0);
  });
});

describe('A redirect', () => {
  it.each(['GET', 'HEAD', 'PROPFIND'])(
    'is followed within the origin when nothing is changed by %s',
    async (method) => {
      const port = await serve((request, response) => {
        if (request.url === '/a') response.writeHead(301, { Location: '/a/' }).end();
        else response.writeHead(200, { 'X-Got': `${request.method} ${request.url}` }).end();
      });
      const answer = await outboundOf().send({ method, url: at(port, '/a') });
      expect(answer.header('x-got')).toBe(`${method} /a/`);
    },
  );

  it.each(['PUT', 'DELETE', 'MOVE', 'MKCOL', 'POST'])('is never followed by %s', async (method) => {
    const asked: string[] = [];
    const port = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      request.resume();
      response.writeHead(307, { Location: '/elsewhere' }).end();
    });
    await expect(outboundOf().send({ method, url: at(port, '/a') })).rejects.toThrow(SentElsewhere);
    expect(asked).toEqual([`${method} /a`]);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://metadata.google.internal/',
    'http://[::ffff:169.254.169.254]/',
    'http://127.0.0.1:P/',
    'http://localhost:P/',
    'http://2130706433:P/',
    '//127.0.0.1:P/',
    'https://example.com/',
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'http://',
  ])('to another origin is not followed: %s', async (location) => {
    let inside = 0;
    const secret = await serve((_request, response) => {
      inside += 1;
      response.end('secret');
    });
    const port = await serve((_request, response) =>
      response.writeHead(302, { Location: location.replace('P', String(secret)) }).end(),
    );
    const outbound = outboundOf({ allowHosts: ['127.0.0.1', 'localhost'] });
    await expect(outbound.send({ method: 'GET', url: at(port) })).rejects.toThrow(SentElsewhere);
    expect(inside).toBe(0);
  });

  it('is told to the person when it leads to an address that they could type', async () => {
    const port = await serve((_request, response) =>
      response.writeHead(302, { Location: 'https://dav.example.com/files/?token=secret' }).end(),
    );
    const fault: unknown = await outboundOf()
      .send({ method: 'PROPFIND', url: at(port) })
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({ address: 'https://dav.example.com/files/' });
  });

  it('is followed three times and no more', async () => {
    let asked = 0;
    const port = await serve((_request, response) => response.writeHead(302, { Location: `/${(asked += 1)}` }).end());
    await expect(outboundOf().send({ method: 'GET', url: at(port) })).rejects.toThrow(SentElsewhere);
    expect(asked).toBe(4);
  });
});

describe('A name server that changes its answer', () => {
  const name = 'cloud.example.com';
  const rules = { allowHosts: [name, '127.0.0.2'] };

  const house = async () => {
    let inside = 0;
    const port = await serve((_request, response) => {
      inside += 1;
      response.end('secret');
    });
    await serve((_request, response) => void response.setHeader('Connection', 'close').end('fine'), '127.0.0.2', port);
    return { port, inside: () => inside };
  };

  it('cannot slip another address between the check and the connection', async () => {
    const { port, inside } = await house();
    const names = await startNameServer([['127.0.0.2'], ['127.0.0.1']]);
    opened.push(() => names.stop());
    const outbound = outboundOf({ ...rules, resolve: names.resolve });
    const answer = await outbound.send({ method: 'GET', url: at(port, '/', name) });
    expect(String(await answer.bytes(100))).toBe('fine');
    expect([names.asked(), inside()]).toEqual([1, 0]);
  });

  it('is judged again at each new connection', async () => {
    const { port, inside } = await house();
    const names = await startNameServer([['127.0.0.2'], ['127.0.0.1'], ['127.0.0.2', '127.0.0.1'], ['127.0.0.2']]);
    opened.push(() => names.stop());
    const outbound = outboundOf({ ...rules, resolve: names.resolve });
    const get = async () => String(await (await outbound.send({ method: 'GET', url: at(port, '/', name) })).bytes(100));
    expect(await get()).toBe('fine');
    await expect(get()).rejects.toThrow(AddressRefused);
    await expect(get()).rejects.toThrow(AddressRefused);
    expect(await get()).toBe('fine');
    expect([names.asked(), inside()]).toEqual([4, 0]);
  });

  it('that knows no address is an absence, not a refusal', async () => {
    const names = await startNameServer([[]]);
    opened.push(() => names.stop());
    const outbound = outboundOf({ ...rules, resolve: names.resolve });
    await expect(outbound.send({ method: 'GET', url: at(9000 + 1, '/', name) })).rejects.toThrow(ConnectionAway);
  });
});

describe('The certificate of a server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=cloud.example.com';
  const files = { key: join(folder, 'key'), cert: join(folder, 'cert') };
  execFileSync(
    'openssl',
    [...args.split(' '), '-addext', 'subjectAltName=DNS:cloud.example.com', '-keyout', files.key, '-out', files.cert],
    { stdio: 'ignore' },
  );
  const [key, cert] = [readFileSync(files.key), readFileSync(files.cert, 'utf8')];
  rmSync(folder, { recursive: true });

  const secure = async () =>
    listen(createSecureServer({ key, cert }, (request, response) => void response.end(request.headers.host)));
  const rules = {
    allowHosts: ['cloud.example.com', 'other.example.com', '127.0.0.1'],
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  };
  const ask = async (port: number, host: string) => {
    const answer = await outboundOf(rules).send({ method: 'GET', url: new URL(`https://${host}:${port}/`) });
    return String(await answer.bytes(100));
  };

  it('has to be trusted, whatever the environment says', async () => {
    const port = await secure();
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    onTestFinished(() => void delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    await expect(ask(port, 'cloud.example.com')).rejects.toThrow(/certificate/);
  });

  it('has to be for the name that was typed, though the address was looked up before', async () => {
    const port = await secure();
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, cert]);
    onTestFinished(() => setDefaultCACertificates(before));
    expect(await ask(port, 'cloud.example.com')).toBe(`cloud.example.com:${port}`);
    await expect(ask(port, 'other.example.com')).rejects.toThrow(/certificate/);
    await expect(ask(port, '127.0.0.1')).rejects.toThrow(/certificate/);
  });
});
