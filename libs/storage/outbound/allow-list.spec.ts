import { describe, expect, it } from 'vitest';
import { AddressRefused } from '../errors.js';
import { AllowList } from './allow-list.js';
import { Outbound } from './outbound.js';

const opened: [rules: string[], host: string, address: string][] = [
  [['nas.lan'], 'nas.lan', '192.168.1.7'],
  [['NAS.lan.'], 'nas.lan', 'fd00::7'],
  [['nas'], 'nas', '100.64.0.9'],
  [['192.168.0.0/16'], 'cloud.example.com', '192.168.1.7'],
  [['fd00::/8'], 'cloud.example.com', 'fd12::1'],
  [['localhost'], 'localhost', '127.0.0.1'],
  [['localhost'], 'localhost', '::1'],
  [['127.0.0.1'], '127.0.0.1', '127.0.0.1'],
  [['127.0.0.0/8'], '127.0.0.1', '127.0.0.1'],
  [['::1'], '::1', '::1'],
  [['169.254.7.7'], '169.254.7.7', '169.254.7.7'],
];

const shut: typeof opened = [
  [[], 'nas.lan', '192.168.1.7'],
  [['nas.lan'], 'other.lan', '192.168.1.7'],
  [['nas.lan'], 'a.nas.lan', '192.168.1.7'],
  [['nas.lan'], 'nas.lan', '127.0.0.1'],
  [['nas.lan'], 'nas.lan', '169.254.169.254'],
  [['nas.lan'], 'nas.lan', '::ffff:10.0.0.1'],
  [['0.0.0.0/0'], '127.0.0.1', '127.0.0.1'],
  [['::/0'], '::1', '::1'],
  [['0.0.0.0/0'], 'cloud.example.com', '169.254.169.254'],
  [['169.254.0.0/16'], '169.254.169.254', '169.254.169.254'],
  [['10.0.0.0/8'], 'cloud.example.com', '192.168.1.1'],
  [['fc00::/7'], 'cloud.example.com', 'fd00:ec2::254'],
  [['127.0.0.1'], '127.0.0.2', '127.0.0.2'],
];

describe('What an operator has opened', () => {
  it.each(opened)('%j opens %s at %s', (rules, host, address) => {
    expect(new AllowList(rules).opens(host, address)).toBe(true);
  });

  it.each(shut)('%j does not open %s at %s', (rules, host, address) => {
    expect(new AllowList(rules).opens(host, address)).toBe(false);
  });

  it.each([
    ['https://nas.lan/dav', true],
    ['http://nas.lan/dav', true],
    ['http://nas.lan:5005/dav', true],
    ['https://nas.lan:6379/', false],
    ['https://nas.lan:22/', false],
    ['https://nas.lan:5432/', false],
    ['http://cloud.example.com/', false],
    ['https://cloud.example.com:5005/', false],
    ['http://10.1.1.1:8080/', true],
    ['http://10.2.1.1:8080/', false],
  ])('lets %s be typed: %s', (address, fine) => {
    const outbound = new Outbound({ allowHosts: ['nas.lan', '10.1.0.0/16'] });
    if (fine) expect(outbound.readAddress(address)).toBeInstanceOf(URL);
    else expect(() => outbound.readAddress(address)).toThrow(AddressRefused);
  });
});
