import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { vectorsFolder } from '../../test/vectors-folder.js';
import { aesGcmOpen, aesGcmSeal, hkdfSha512, ready, SealBroken, xchachaOpen, xchachaSeal } from './index.js';

interface Vectors<Group> {
  numberOfTests: number;
  testGroups: Group[];
}

interface AeadGroup {
  ivSize: number;
  keySize: number;
  tests: (Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag' | 'result', string> & { tcId: number })[];
}

interface HkdfGroup {
  tests: (Record<'ikm' | 'salt' | 'info' | 'okm' | 'result', string> & { tcId: number; size: number })[];
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

function load<Group>(name: string): Vectors<Group> {
  return JSON.parse(readFileSync(join(vectorsFolder(), name), 'utf8')) as Vectors<Group>;
}

beforeAll(() => ready);

describe.each([
  { name: 'AES-256-GCM', file: 'aes_gcm.json', nonceBits: 96, seal: aesGcmSeal, open: aesGcmOpen },
  { name: 'XChaCha20-Poly1305', file: 'xchacha20_poly1305.json', nonceBits: 192, seal: xchachaSeal, open: xchachaOpen },
])('$name and the public vectors', ({ file, nonceBits, seal, open }) => {
  it('gives what they say, opens what they call valid, and refuses the rest and every odd size', () => {
    const vectors = load<AeadGroup>(file);
    const seen = { valid: 0, broken: 0, oddSize: 0 };
    for (const group of vectors.testGroups) {
      const fits = group.ivSize === nonceBits && group.keySize === 256;
      for (const test of group.tests) {
        const [key, nonce, plain] = [bytes(test.key), bytes(test.iv), bytes(test.msg)] as const;
        const [ciphertext, tag, associated] = [bytes(test.ct), bytes(test.tag), bytes(test.aad)] as const;
        const opening = (): Buffer => open(key, nonce, ciphertext, tag, associated);
        if (!fits) {
          expect(() => seal(key, nonce, plain, associated), `${test.tcId}`).toThrow(RangeError);
          expect(opening, `${test.tcId}`).toThrow(SealBroken);
          seen.oddSize += 1;
        } else if (test.result === 'valid') {
          expect(opening(), `${test.tcId}`).toEqual(plain);
          expect(seal(key, nonce, plain, associated), `${test.tcId}`).toEqual({ ciphertext, tag });
          seen.valid += 1;
        } else {
          expect(opening, `${test.tcId}`).toThrow(SealBroken);
          seen.broken += 1;
        }
      }
    }
    expect(seen.valid + seen.broken + seen.oddSize).toBe(vectors.numberOfTests);
    expect(seen.valid).toBeGreaterThan(30);
    expect(seen.broken).toBeGreaterThan(20);
    expect(seen.oddSize).toBeGreaterThan(5);
  });

  it.each([0, 4, 8, 12, 13, 14, 15, 17, 32])('refuses a tag of %i bytes, even one that begins rightly', (length) => {
    const key = Buffer.alloc(32, 1);
    const nonce = Buffer.alloc(nonceBits / 8, 2);
    const { ciphertext, tag } = seal(key, nonce, Buffer.from('plain'), Buffer.alloc(0));
    const odd = Buffer.concat([tag, tag]).subarray(0, length);
    expect(() => open(key, nonce, ciphertext, odd, Buffer.alloc(0))).toThrow(SealBroken);
  });

  it.each([0, 16, 24, 31, 33, 64])('refuses a key of %i bytes', (length) => {
    const nonce = Buffer.alloc(nonceBits / 8);
    const none = Buffer.alloc(0);
    expect(() => seal(Buffer.alloc(length), nonce, none, none)).toThrow(RangeError);
    expect(() => open(Buffer.alloc(length), nonce, none, Buffer.alloc(16), none)).toThrow(SealBroken);
  });
});

describe('HKDF-SHA-512 and the public vectors', () => {
  it('gives what they say and refuses lengths it cannot give', () => {
    const vectors = load<HkdfGroup>('hkdf_sha512.json');
    let refused = 0;
    for (const test of vectors.testGroups.flatMap((group) => group.tests)) {
      const derive = (): Buffer => hkdfSha512(bytes(test.ikm), bytes(test.salt), bytes(test.info), test.size);
      if (test.result === 'valid') {
        expect(derive(), `${test.tcId}`).toEqual(bytes(test.okm));
      } else {
        expect(derive, `${test.tcId}`).toThrow(RangeError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it.each([0, -1, 1.5, 16_321, Number.NaN])('refuses to give %d bytes', (length) => {
    const none = Buffer.alloc(0);
    expect(() => hkdfSha512(Buffer.alloc(32), none, none, length)).toThrow(RangeError);
  });
});
