import { BlockList, isIP } from 'node:net';

/**
 * `public`: the open internet. `private`: networks of a house, which an operator may open. `loopback`: this machine.
 * `forbidden`: metadata services, links, multicast, documentation, tunnels: nothing that keeps files lives there.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

const privateV4 = ranges('ipv4', ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16']);
/** The IANA special-purpose registry, and what cloud vendors answer metadata under although it looks public. */
const forbiddenV4 = ranges('ipv4', [
  '0.0.0.0/8',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);
const loopbackV4 = ranges('ipv4', ['127.0.0.0/8']);

const globalV6 = ranges('ipv6', ['2000::/3']);
const privateV6 = ranges('ipv6', ['fc00::/7']);
/** Within the global ones: Teredo, benchmarks, ORCHID, documentation, 6to4. Within the private ones: metadata services. */
const forbiddenV6 = ranges('ipv6', [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
]);
const loopbackV6 = ranges('ipv6', ['::1/128']);

/** Forms of IPv6 that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) are forbidden as they stand. */
export function classOf(address: string): AddressClass {
  const bare = address.split('%', 1)[0] ?? '';
  switch (isIP(bare)) {
    case 4:
      if (forbiddenV4.check(bare, 'ipv4')) return 'forbidden';
      if (loopbackV4.check(bare, 'ipv4')) return 'loopback';
      return privateV4.check(bare, 'ipv4') ? 'private' : 'public';
    case 6:
      if (forbiddenV6.check(bare, 'ipv6')) return 'forbidden';
      if (loopbackV6.check(bare, 'ipv6')) return 'loopback';
      if (privateV6.check(bare, 'ipv6')) return 'private';
      return globalV6.check(bare, 'ipv6') ? 'public' : 'forbidden';
    default:
      return 'forbidden';
  }
}

function ranges(family: 'ipv4' | 'ipv6', list: readonly string[]): BlockList {
  const found = new BlockList();
  for (const range of list) {
    const [net = '', bits] = range.split('/');
    found.addSubnet(net, Number(bits), family);
  }
  return found;
}
