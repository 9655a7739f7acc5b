import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveRootKeys, ready, SecretKey, type RootKeys } from '#crypto';
import { AddressKeyring } from './address-keyring.js';
import { RootEpochMissing } from './errors.js';
import { RootKeyring } from './root-keys.js';

beforeAll(() => ready);

function keyring(epochs: Record<number, RootKeys>): AddressKeyring {
  const roots = Object.create(RootKeyring.prototype) as RootKeyring;
  Object.assign(roots, { epochs: new Map(Object.entries(epochs).map(([epoch, keys]) => [Number(epoch), keys])) });
  return new AddressKeyring(roots);
}
const PAYLOAD = Buffer.from('payload');

describe('an address', () => {
  it('is believed under the key that signed it, and under no other', () => {
    const [one, two] = [deriveRootKeys(SecretKey.random()), deriveRootKeys(SecretKey.random())];
    const signed = keyring({ 1: one }).sign(PAYLOAD);
    expect(keyring({ 1: one, 2: two }).isOurs(PAYLOAD, signed)).toBe(true);
    expect(keyring({ 1: two }).isOurs(PAYLOAD, signed)).toBe(false);
    expect(keyring({ 1: one, 2: two }).isOurs(PAYLOAD, { ...signed, epoch: 2 })).toBe(false);
    expect(keyring({ 1: one }).isOurs(Buffer.from('payloae'), signed)).toBe(false);
  });

  it('is neither signed nor believed where there is no key', () => {
    const none = keyring({});
    expect(() => none.sign(PAYLOAD)).toThrow(RootEpochMissing);
    const guesses = ['', '\0'.repeat(32), 'undefined', 'null'].map((key) =>
      createHmac('sha256', key).update(PAYLOAD).digest(),
    );
    for (const mac of [...guesses, Buffer.alloc(0), Buffer.alloc(32)]) {
      for (const epoch of [0, 1, -1, Number.NaN, -Infinity]) expect(none.isOurs(PAYLOAD, { epoch, mac })).toBe(false);
    }
  });

  it('is signed by a key that serves nothing else', () => {
    const keys = deriveRootKeys(SecretKey.random());
    const { mac } = keyring({ 1: keys }).sign(PAYLOAD);
    for (const other of [keys.accountWrap, keys.credentialWrap, keys.totpWrap, keys.markerSeal]) {
      expect(createHmac('sha256', other.bytes()).update(PAYLOAD).digest().equals(mac)).toBe(false);
    }
  });
});
