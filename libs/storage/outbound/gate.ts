import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { AddressRefused } from '../errors.js';
import { classOf } from './address-class.js';
import { type AllowList, isLocalhost, withoutDot } from './allow-list.js';

export interface Resolved {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name, looked up once. */
export type Resolve = (name: string) => Promise<readonly Resolved[]>;

const usualPorts = [443, 8443];
/** Services that a request could be smuggled into. Above 1023 any other port of a host that the operator named will do. */
const portsOfOthers = [
  1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4190, 4045, 5060, 5061,
  5432, 5672, 5900, 5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 8500, 9042, 9092, 9200, 9300, 10080,
  10250, 11211, 25672, 27017,
];
/** Names that never mean a host of the open internet. */
const localEndings = ['local', 'internal', 'lan', 'onion', 'home.arpa', 'localdomain', 'intranet', 'corp', 'home'];

/** Decides where a request may go, on what was parsed once and on the addresses that will really be connected to. */
export class Gate {
  constructor(
    private readonly allowed: AllowList,
    private readonly resolve: Resolve = (name) => systemLookup(name, { all: true, verbatim: true }),
    private readonly ports: readonly number[] = usualPorts,
  ) {}

  /** What is known before anything is looked up: the name or the literal address, the port, the scheme. */
  admit(given: string, port: number, secure: boolean): void {
    const host = hostOf(given);
    const known = this.allowed.knows(host);
    if (isIP(host) !== 0) this.admitAddress(host, host);
    else if (!known && isLocalName(host)) throw new AddressRefused('This name belongs to a private network.');
    if (!secure && !known)
      throw new AddressRefused('Only encrypted addresses can be used: they begin with “https://”.');
    if (!this.ports.includes(port) && !(known && isWebPort(port)))
      throw new AddressRefused('This port is not one for web addresses. Usually it is 443.');
  }

  admitAddress(host: string, address: string): void {
    if (classOf(address) !== 'public' && !this.allowed.opens(host, address)) throw new AddressRefused();
  }

  /** The only resolution there is: what it answers is what gets connected to. One refused address refuses the name. */
  readonly lookup: LookupFunction = (name, { all }, done) => void this.answer(name, all === true, done);

  private async answer(name: string, all: boolean, done: Parameters<LookupFunction>[2]): Promise<void> {
    try {
      const found = await this.addresses(name);
      if (all) done(null, [...found]);
      else done(null, found[0]!.address, found[0]!.family);
    } catch (error) {
      done(error as NodeJS.ErrnoException, '', 0);
    }
  }

  private async addresses(given: string): Promise<readonly Resolved[]> {
    const name = hostOf(given);
    const found = await this.resolve(name);
    if (found.length === 0) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    for (const { address } of found) this.admitAddress(name, address);
    return found;
  }
}

/** As rules know it: lower case, no brackets, no closing dot. */
function hostOf(given: string): string {
  return withoutDot(given.toLowerCase().replace(/^\[|\]$/g, ''));
}

function isLocalName(name: string): boolean {
  return (
    !name.includes('.') ||
    name.split('.').includes('') ||
    isLocalhost(name) ||
    localEndings.some((ending) => name.endsWith(`.${ending}`)) ||
    name === 'home.arpa'
  );
}

function isWebPort(port: number): boolean {
  return port === 80 || (port > 1023 && !portsOfOthers.includes(port));
}
