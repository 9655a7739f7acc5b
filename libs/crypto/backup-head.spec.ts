import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  backupHeadName,
  deriveRootKeys,
  isBackupHeadName,
  openBackupHead,
  ready,
  type RootKeys,
  SealBroken,
  sealBackupHead,
  SecretKey,
} from './index.js';

let root: RootKeys;
let other: RootKeys;
beforeAll(async () => {
  await ready;
  root = deriveRootKeys(SecretKey.random());
  other = deriveRootKeys(SecretKey.random());
});

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const random = (): string => Array.from(randomBytes(26), (byte) => alphabet[byte & 31]).join('');

describe('the name of a backup’s head', () => {
  it('is known by the root key, and by no other', () => {
    for (let nth = 0; nth < 200; nth++) {
      const name = backupHeadName(root, random())!;
      expect(isBackupHeadName(root, name)).toBe(true);
      expect(isBackupHeadName(other, name)).toBe(false);
      expect(isBackupHeadName(root, random())).toBe(false);
    }
  });

  it('has the shape of any other, and letters as even as theirs', () => {
    const counts = new Map<string, number>();
    for (let nth = 0; nth < 2000; nth++) {
      const name = backupHeadName(root, random())!;
      expect(name).toMatch(/^[a-z2-7]{26}$/);
      for (const letter of name.slice(13)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    // 26,000 letters of 32 kinds: 812 of each, give or take eight times the standard deviation.
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 812.5)).toBeLessThan(8 * 28.1);
  });

  it('is not made of an id that a provider hands out', () => {
    expect(backupHeadName(root, '1AbCdEfGhIjKlMnOpQrStUvWxYz_012345')).toBeNull();
    expect(isBackupHeadName(root, '1AbCdEfGhIjKlMnOpQrStUvWxYz_012345')).toBe(false);
  });
});

describe('a sealed head', () => {
  it('opens to its text with the root key alone', () => {
    expect(openBackupHead(root, sealBackupHead(root, '{"a":1}')).trimEnd()).toBe('{"a":1}');
    expect(() => openBackupHead(other, sealBackupHead(root, '{}'))).toThrow(SealBroken);
  });

  it('shows no more of its length than the next 4 KiB', () => {
    for (const length of [1, 4095, 4096]) expect(sealBackupHead(root, 'x'.repeat(length)).length).toBe(4096 + 40);
    expect(sealBackupHead(root, 'x'.repeat(4097)).length).toBe(8192 + 40);
  });

  it.each([0, 30, 2000, 4135])('with another byte at %i is refused', (at) => {
    const sealed = sealBackupHead(root, 'x');
    sealed[at]! ^= 1;
    expect(() => openBackupHead(root, sealed)).toThrow(SealBroken);
    expect(() => openBackupHead(root, sealed.subarray(0, at))).toThrow(SealBroken);
  });
});
