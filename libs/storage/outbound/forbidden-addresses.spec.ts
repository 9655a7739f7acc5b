import { once } from 'node:events';
import { createServer, type Server, Socket, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AddressRefused, ConnectionAway } from '../errors.js';
import { classOf } from './address-class.js';
import { Outbound } from './outbound.js';

/** What a host may be written as, `P` being the port that a server of this machine listens on. */
const literals = [
  // This machine, in every notation that URL parsers, C libraries and browsers know.
  '127.0.0.1',
  '127.0.0.1.',
  '127.0.0.2',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '017700000001',
  '0x7f000001',
  '0x7F000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '0177.1',
  '0177.0x0.0.01',
  '127.0.0.0x1',
  '00000177.0.0.1',
  '①②⑦.⓪.⓪.①',
  '１２７.０.０.１',
  '127。0。0。1',
  '127.0.0.1%2e',
  '%31%32%37.0.0.1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::0001]',
  '0',
  '0.0.0.0',
  '0x0',
  '0.1',
  '0.255.255.255',
  '[::]',
  '[0::0]',
  // IPv4 inside IPv6.
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[::ffff:0:127.0.0.1]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[::ffff:10.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:8.8.8.8]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::10.0.0.1]',
  '[64:ff9b:1::127.0.0.1]',
  '[64:ff9b:1:ffff::a9fe:a9fe]',
  '[2002:7f00:1::]',
  '[2002:7f00:0001::1]',
  '[2002:a00:1::1]',
  '[2002:a9fe:a9fe::]',
  '[2001:0:4136:e378:8000:63bf:80ff:fffe]',
  '[2001::1]',
  // Networks of a house or an office.
  '10.0.0.1',
  '10.255.255.255',
  '0xa000001',
  '012.0.0.1',
  '167772161',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.0.1',
  '192.168.1.1',
  '0xc0a80001',
  '3232235521',
  '192.168.257',
  '100.64.0.1',
  '100.127.255.254',
  '[fc00::1]',
  '[fd00::1]',
  '[fd12:3456:789a:1::1]',
  '[fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]',
  // Metadata services.
  '169.254.169.254',
  '169.254.169.254.',
  '2852039166',
  '0xa9fea9fe',
  '0xa9.0xfe.0xa9.0xfe',
  '0251.0376.0251.0376',
  '169.254.43518',
  '169.16689662',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '[fd00:ec2::254]',
  '[fd00:0ec2:0:0:0:0:0:254]',
  '[fd20:ce::254]',
  // Links, multicast, reserved, documentation, benchmarks.
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '4294967295',
  '0xffffffff',
  '[fe80::1]',
  '[febf::1]',
  '[fec0::1]',
  '[feff::1]',
  '[ff02::1]',
  '[ff0e::1]',
  '[100::1]',
  '[2001:db8::1]',
  '[2001:2::1]',
  '[2001:10::1]',
  '[2001:20::1]',
  '[3fff::1]',
  '[4000::1]',
  '[1::1]',
  '[5f00::1]',
];

const names = [
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ｌocalhost',
  'loc%61lhost',
  'a.localhost',
  'localhost.localdomain',
  'nas',
  'nas.',
  'router.local',
  'router.lan',
  'metadata.google.internal',
  'metadata.google.internal.',
  'kubernetes.default.svc.cluster.local',
  'vault.corp',
  'nas.home.arpa',
  'home.arpa',
  'abcdefghij.onion',
  'db',
];

/** Names of the open internet whose owner points them into the house. */
const pointing: [addresses: string[]][] = [
  [['127.0.0.1']],
  [['10.1.2.3']],
  [['169.254.169.254']],
  [['::1']],
  [['::ffff:127.0.0.1']],
  [['fe80::1%lo']],
  [['fd00::1']],
  [['93.184.215.14', '127.0.0.1']],
  [['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c', '192.168.1.1']],
  [['2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::1']],
];

const shapes = [
  'http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:P/',
  'javascript:alert(1)',
  'data:text/plain,x',
  '//127.0.0.1:P/',
  '127.0.0.1:P',
  '',
  'https://',
  'https://user@example.com/',
  'https://user:pass@127.0.0.1:P/',
  'https://example.com@127.0.0.1:P/',
  'https://example.com%2f@127.0.0.1:P/',
  'https://127.0.0.1:P#@example.com/',
  'https://127.0.0.1:P?@example.com/',
  'https:\\\\127.0.0.1:P\\@example.com/',
  'https://127.0.0.1:P\\@example.com/',
  'https://example.com\t@127.0.0.1:P/',
  'https://127.0.\t0.1:P/',
  'https://exam\nple.com/',
  'https://exa mple.com/',
  'https://256.1.1.1/',
  'https://[fe80::1%25eth0]:P/',
  'https://[::1/',
  'https://example.com:65536/',
  'https://example.com:22/',
  'https://example.com:25/',
  'https://example.com:80/',
  'https://example.com:3306/',
  'https://example.com:5432/',
  'https://example.com:6379/',
  'https://example.com:11211/',
  'https://example..com/',
  'https://.example.com/',
];

describe('Addresses that nobody may reach through the gateway', () => {
  let server: Server;
  let port: number;
  let arrived = 0;
  const connecting = vi.spyOn(Socket.prototype, 'connect');

  beforeAll(async () => {
    server = createServer((socket) => {
      arrived += 1;
      socket.destroy();
    });
    server.listen(0);
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => {
    arrived = 0;
    connecting.mockClear();
  });
  afterAll(() => {
    server.close();
    connecting.mockRestore();
  });

  /** The port is let through, so that nothing but the address can be what is refused. */
  const outbound = (addresses: readonly string[] = ['127.0.0.1'], allowHosts: readonly string[] = []) =>
    new Outbound({
      allowHosts,
      ports: [443, port],
      resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    });

  const refusedWithoutAWord = async (guard: Outbound, address: string) => {
    const call = async () => guard.send({ method: 'GET', url: guard.readAddress(address) });
    await expect(call()).rejects.toThrow(AddressRefused);
    // The same by way of a library that sends by itself, and that asked nobody before.
    const past = async () => guard.send({ method: 'GET', url: new URL(address) });
    if (URL.canParse(address) && new URL(address).protocol === 'https:') await expect(past()).rejects.toThrow();
    expect(connecting).not.toHaveBeenCalled();
    expect(arrived).toBe(0);
  };

  it('are more than 120', () => {
    expect(new Set([...literals, ...names]).size + shapes.length + pointing.length).toBeGreaterThan(160);
    expect(new Set(literals).size).toBeGreaterThan(110);
  });

  it.each(literals)('are refused as literals: %s', async (host) => {
    await refusedWithoutAWord(outbound(), `https://${host}:${port}/`);
  });

  it.each(names)('are refused as names: %s', async (host) => {
    await refusedWithoutAWord(outbound(), `https://${host}:${port}/`);
  });

  it.each(pointing)('are refused when a name of the internet has one of them: %j', async (addresses) => {
    const guard = outbound(addresses);
    const url = guard.readAddress(`https://cloud.example.com:${port}/`);
    await expect(guard.send({ method: 'GET', url })).rejects.toThrow(AddressRefused);
    expect(arrived).toBe(0);
    expect(connecting.mock.results.filter(({ type }) => type === 'return').length).toBeLessThanOrEqual(1);
  });

  it.each(shapes)('are refused for their shape: %j', async (shape) => {
    const guard = outbound();
    const address = shape.replace('P', String(port));
    const call = async () => guard.send({ method: 'GET', url: guard.readAddress(address) });
    await expect(call()).rejects.toThrow(AddressRefused);
    expect(arrived).toBe(0);
  });

  it('would have been met: the server listens, and an operator may open it', async () => {
    const guard = outbound([], ['127.0.0.1']);
    const url = guard.readAddress(`https://127.0.0.1:${port}/`);
    await expect(guard.send({ method: 'GET', url })).rejects.toThrow(ConnectionAway);
    expect(arrived).toBe(1);
  });

  it('are told from those of the open internet', () => {
    const open = ['1.1.1.1', '93.184.215.14', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'];
    expect(open.map(classOf)).toEqual(open.map(() => 'public'));
    expect(outbound().readAddress('https://Bücher.example.com./a b'.replace(' ', '%20')).href).toBe(
      'https://xn--bcher-kva.example.com/a%20b',
    );
  });
});
