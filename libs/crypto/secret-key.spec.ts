import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SealBroken, SecretKey } from './index.js';

describe('a secret key', () => {
  it.each([
    ['a template', (key: SecretKey) => `${String(key)}`],
    ['JSON', (key: SecretKey) => JSON.stringify({ key })],
    ['inspect', (key: SecretKey) => inspect({ key }, { depth: 9, showHidden: true })],
    ['format', (key: SecretKey) => format('%s %o %j', key, key, key)],
    ['its own properties', (key: SecretKey) => JSON.stringify([Object.keys(key), Object.values(key)])],
  ])('does not print in %s', (name, print) => {
    const key = SecretKey.from(Buffer.from('a very secret key of 32 letters!'));
    const printed = print(key);
    if (!name.startsWith('its own')) expect(printed).toContain('[secret key]');
    expect(printed).not.toContain('very secret');
    expect(printed).not.toContain(key.bytes().toString('hex').slice(0, 8));
    expect(printed).not.toMatch(/61, ?20|97, ?32|61 20 76/);
  });

  it('is 32 bytes, fresh each time, and gone when wiped', () => {
    const key = SecretKey.random();
    const bytes = key.bytes();
    expect(bytes).toHaveLength(32);
    expect(bytes).not.toEqual(SecretKey.random().bytes());
    key.wipe();
    expect(bytes).toEqual(Buffer.alloc(32));
    expect(() => key.bytes()).toThrow('wiped');
  });

  it.each([0, 16, 31, 33, 64])('is not made from %i bytes', (length) => {
    expect(() => SecretKey.from(Buffer.alloc(length))).toThrow(RangeError);
  });
});

describe('a broken seal', () => {
  it('says the same every time, and that trying again is useless', () => {
    const broken = new SealBroken();
    expect(broken.message).toBe(new SealBroken().message);
    expect(broken.retriable).toBe(false);
    expect(broken.name).toBe('SealBroken');
    expect(broken.cause).toBeUndefined();
  });
});
