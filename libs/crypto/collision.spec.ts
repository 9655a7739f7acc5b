import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveChunkKeys, frameAssociated, frameNonce } from './chunk-context.js';
import { ChunkOpener, ready, SealBroken, SecretKey, unwrapKey, wrapKey, type WrapContext } from './index.js';
import { id } from './testing/stored-file.js';

/*
 * AES-GCM does not commit to its key: whoever knows two keys can make one ciphertext and one tag
 * that are genuine under both ("invisible salamanders", Dodis, Grubbs, Ristenpart, Woodage 2018).
 * One block of ciphertext is free; the equation "both tags are equal" is linear in it.
 */

const REDUCTION = 0xe1n << 120n;

function multiply(left: bigint, right: bigint): bigint {
  let product = 0n;
  let shifted = right;
  for (let bit = 127n; bit >= 0n; bit -= 1n) {
    if ((left >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ REDUCTION : shifted >> 1n;
  }
  return product;
}

const ONE = 1n << 127n;

function power(base: bigint, exponent: bigint): bigint {
  let result = ONE;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = multiply(square, square)) {
    if (rest & 1n) result = multiply(result, square);
  }
  return result;
}

const inverse = (element: bigint): bigint => power(element, 2n ** 128n - 2n);
const toBlock = (element: bigint): Buffer => Buffer.from(element.toString(16).padStart(32, '0'), 'hex');
const fromBlock = (block: Buffer): bigint => BigInt(`0x${block.toString('hex').padEnd(32, '0')}`);

function blocksOf(bytes: Buffer): bigint[] {
  const blocks: bigint[] = [];
  for (let at = 0; at < bytes.length; at += 16) blocks.push(fromBlock(bytes.subarray(at, at + 16)));
  return blocks;
}

function encryptBlock(key: Buffer, block: Buffer): bigint {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  return fromBlock(cipher.update(block));
}

/** The parts of a GCM tag: the hash key, the mask, and the hash of all blocks. */
function tagParts(key: Buffer, nonce: Buffer, blocks: bigint[]): { hashKey: bigint; tag: bigint } {
  const hashKey = encryptBlock(key, Buffer.alloc(16));
  const mask = encryptBlock(key, Buffer.concat([nonce, Buffer.from([0, 0, 0, 1])]));
  const hash = blocks.reduce((sum, block) => multiply(sum ^ block, hashKey), 0n);
  return { hashKey, tag: hash ^ mask };
}

/** Fixes the last block of the ciphertext so that its tag is the same under both keys. */
function collide(
  keys: [Buffer, Buffer],
  nonce: Buffer,
  associated: Buffer,
  body: Buffer,
): { ciphertext: Buffer; tag: Buffer } {
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64BE(BigInt(associated.length * 8), 0);
  lengths.writeBigUInt64BE(BigInt((body.length + 16) * 8), 8);
  const hashed = (free: bigint): bigint[] => [...blocksOf(associated), ...blocksOf(body), free, fromBlock(lengths)];
  const [one, two] = keys.map((key) => tagParts(key, nonce, hashed(0n))) as [
    ReturnType<typeof tagParts>,
    ReturnType<typeof tagParts>,
  ];
  const slope = power(one.hashKey, 2n) ^ power(two.hashKey, 2n);
  const free = multiply(one.tag ^ two.tag, inverse(slope));
  return { ciphertext: Buffer.concat([body, toBlock(free)]), tag: toBlock(tagParts(keys[0], nonce, hashed(free)).tag) };
}

function plainGcm(key: Buffer, nonce: Buffer, associated: Buffer, ciphertext: Buffer, tag: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAAD(associated).setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

describe('one ciphertext that is genuine under two keys', () => {
  const context = { account: id(1), content: id(2), index: 0, keyId: id(3) };
  const length = 4096;
  const keys = [SecretKey.random(), SecretKey.random()] as const;
  const messageId = randomBytes(32);
  const derived = keys.map((key) => deriveChunkKeys(key, context, messageId));
  const [first, second] = derived as [(typeof derived)[0], (typeof derived)[0]];
  const nonce = frameNonce(0, true);
  const associated = frameAssociated(true, length);
  const forged = collide([first.frameKey, second.frameKey], nonce, associated, randomBytes(length - 16));
  const frame = Buffer.concat([forged.ciphertext, forged.tag]);
  const headers = derived.map(({ commitment }) => Buffer.concat([messageId, commitment])) as [Buffer, Buffer];

  beforeAll(() => ready);

  const open = (key: SecretKey, header: Buffer): Buffer =>
    new ChunkOpener(key, context, header, length, length).openFrame(0, frame);

  it('is real: AES-GCM by itself opens it under both, to different bytes', () => {
    const opened = derived.map(({ frameKey }) => plainGcm(frameKey, nonce, associated, forged.ciphertext, forged.tag));
    expect(opened[0]).toHaveLength(length);
    expect(opened[0]?.equals(opened[1] ?? Buffer.alloc(0))).toBe(false);
  });

  it('opens here under the one key that its header commits to, and is refused under the other', () => {
    expect(open(keys[0], headers[0])).toHaveLength(length);
    expect(open(keys[1], headers[1])).toHaveLength(length);
    expect(() => open(keys[1], headers[0])).toThrow(SealBroken);
    expect(() => open(keys[0], headers[1])).toThrow(SealBroken);
  });

  it('is refused also when the other key was put, rightly wrapped, in the place of the first', () => {
    const wrapper = SecretKey.random();
    const place: WrapContext = { ...context, purpose: 'chunk-key', chunk: 0, wrapper: id(4), epoch: 1 };
    const swapped = unwrapKey(wrapper, wrapKey(wrapper, keys[1], place), place);
    expect(() => open(swapped, headers[0])).toThrow(SealBroken);
  });
});
