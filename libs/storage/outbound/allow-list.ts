import { BlockList, isIP } from 'node:net';
import { type AddressClass, classOf } from './address-class.js';

interface Rule {
  readonly range: BlockList;
  /** One address, named on purpose. */
  readonly single: boolean;
  /** Nothing but addresses of this machine. */
  readonly loopback: boolean;
}

/**
 * What the operator, and nobody else, has opened: host names and CIDR ranges. A name may then resolve into private
 * networks, a range opens the private addresses in it. This machine itself is opened only by `localhost` or by a rule
 * that lies wholly in its range; what is forbidden altogether, only by a rule that names the single address: so a
 * wide rule, or a name whose owner changes its address, opens neither.
 */
export class AllowList {
  private readonly hosts = new Set<string>();
  private readonly rules: Rule[] = [];

  constructor(items: readonly string[]) {
    for (const item of items) {
      const [address = '', bits] = item.split('/');
      if (isIP(address) === 0) this.hosts.add(withoutDot(item.toLowerCase()));
      else this.rules.push(ruleOf(address, bits));
    }
  }

  /** Whether the operator has named this host, or opened this address. */
  knows(host: string): boolean {
    return isIP(host) === 0 ? this.hosts.has(host) : this.opens(host, host);
  }

  /** Whether `host` may be reached at this address although it is not a public one. */
  opens(host: string, address: string): boolean {
    const kind = classOf(address);
    if (this.hosts.has(host) && (kind === 'private' || (kind === 'loopback' && isLocalhost(host)))) return true;
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    return this.rules.some((rule) => reaches(rule, kind) && rule.range.check(address, family));
  }
}

export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

export function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function ruleOf(address: string, bits: string | undefined): Rule {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  const whole = family === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? whole : Number(bits);
  const range = new BlockList();
  range.addSubnet(address, length, family);
  const single = length === whole;
  return { range, single, loopback: classOf(address) === 'loopback' && (single || (family === 'ipv4' && length >= 8)) };
}

function reaches(rule: Rule, kind: AddressClass): boolean {
  return rule.single || kind === 'private' || (kind === 'loopback' && rule.loopback);
}
