import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkOpener, ChunkSealer, MAX_CHUNK_LENGTH, SealBroken, sealedLength, SecretKey } from './index.js';
import { withFixedRandomness } from './randomness.js';
import { id, openChunk, sealChunk } from './testing/stored-file.js';

const context = { account: id(1), content: id(2), index: 3, keyId: id(4) };
const FRAME = 65_536;

function cut(plain: Buffer, sizes: number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(plain.subarray(at, at + size));
    at += size;
  }
  pieces.push(plain.subarray(at));
  return pieces;
}

function sealPieces(key: SecretKey, pieces: Buffer[], padded: number, known: boolean): Buffer {
  const plainLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const sealer = new ChunkSealer(key, context, known ? { plainLength, paddedLength: padded } : {});
  const sealed = [sealer.header];
  for (const piece of pieces) {
    sealed.push(...sealer.update(piece));
    expect(sealer.heldLength).toBeLessThanOrEqual(known ? 0 : FRAME);
  }
  sealed.push(...sealer.finish(padded));
  expect(sealer.plainLength).toBe(plainLength);
  return Buffer.concat(sealed);
}

describe('a sealed chunk', () => {
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 3 * FRAME }),
    fc.constantFrom(1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME - 1, 2 * FRAME, 2 * FRAME + 1),
  );
  const cuts = fc.oneof(
    fc.array(fc.integer({ min: 0, max: FRAME + 2 }), { maxLength: 8 }),
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 20, maxLength: 60 }),
  );

  it('is the same in whatever pieces its bytes came, with lengths known or unknown, and opens to them', () => {
    const bytes = randomBytes(3 * FRAME);
    fc.assert(
      fc.property(lengths, fc.nat(2 * FRAME), cuts, (length, padding, sizes) => {
        const key = SecretKey.random();
        const messageId = randomBytes(32);
        const plain = bytes.subarray(0, length);
        const padded = length + padding;
        const [once, known, unknown] = [[], sizes, sizes].map((cutAt, mode) =>
          withFixedRandomness(
            () => messageId,
            () => sealPieces(key, cut(plain, cutAt), padded, mode < 2),
          ),
        );
        expect(once).toHaveLength(sealedLength(padded));
        expect(known?.equals(once ?? Buffer.alloc(0))).toBe(true);
        expect(unknown?.equals(once ?? Buffer.alloc(0))).toBe(true);
        const blob = once ?? Buffer.alloc(0);
        const opener = new ChunkOpener(key, context, blob.subarray(0, 64), length, padded);
        expect(openChunk(opener, blob, padded).equals(plain)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('opens any range with the frames that cover it and no other', () => {
    const key = SecretKey.random();
    const plain = randomBytes(4 * FRAME + 77);
    const padded = 4 * FRAME + 4096;
    const blob = sealChunk(key, context, plain, padded);
    const opener = new ChunkOpener(key, context, blob.subarray(0, 64), plain.length, padded);
    const ranges = fc.tuple(fc.nat(plain.length - 1), fc.nat(plain.length - 1));
    fc.assert(
      fc.property(ranges, ([one, other]) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        const range = opener.frameRange(first, last - first + 1);
        expect([range.firstFrame, range.lastFrame]).toEqual([Math.floor(first / FRAME), Math.floor(last / FRAME)]);
        const sealed = blob.subarray(range.sealedOffset, range.sealedOffset + range.sealedLength);
        const opened: Buffer[] = [];
        for (let frame = range.firstFrame; frame <= range.lastFrame; frame += 1) {
          const at = (frame - range.firstFrame) * (FRAME + 16);
          opened.push(opener.openFrame(frame, sealed.subarray(at, at + FRAME + 16)));
        }
        const from = first - range.firstFrame * FRAME;
        const got = Buffer.concat(opened).subarray(from, from + last - first + 1);
        expect(got.equals(plain.subarray(first, last + 1))).toBe(true);
      }),
    );
  });

  it('answers only ranges within its plaintext', () => {
    const key = SecretKey.random();
    const blob = sealChunk(key, context, Buffer.alloc(100), 4096);
    const opener = new ChunkOpener(key, context, blob.subarray(0, 64), 100, 4096);
    for (const [offset, length] of [
      [-1, 1],
      [0, 0],
      [0, 101],
      [100, 1],
      [0.5, 1],
      [0, Infinity],
    ] as const) {
      expect(() => opener.frameRange(offset, length)).toThrow(RangeError);
    }
    expect(opener.frameRange(99, 1)).toEqual({ firstFrame: 0, lastFrame: 0, sealedOffset: 64, sealedLength: 4112 });
  });

  it('gives nothing for a frame that is all padding, and checks it all the same', () => {
    const key = SecretKey.random();
    const blob = sealChunk(key, context, Buffer.from('short'), FRAME + 10);
    const opener = new ChunkOpener(key, context, blob.subarray(0, 64), 5, FRAME + 10);
    const last = Buffer.from(blob.subarray(64 + FRAME + 16));
    expect(opener.openFrame(1, last)).toHaveLength(0);
    last[3] = (last[3] ?? 0) ^ 1;
    expect(() => opener.openFrame(1, last)).toThrow(SealBroken);
  });

  it('encrypts at once when the lengths are known: each byte of plaintext comes back sealed from the same call', () => {
    const sealer = new ChunkSealer(SecretKey.random(), context, { plainLength: 10, paddedLength: 4096 });
    const sealed = sealer.update(Buffer.from('12345'));
    expect(Buffer.concat(sealed)).toHaveLength(5);
    expect(sealer.heldLength).toBe(0);
  });

  it('holds a full frame back until the next byte tells that it is not the last', () => {
    const sealer = new ChunkSealer(SecretKey.random(), context);
    expect(sealer.update(Buffer.alloc(FRAME))).toEqual([]);
    expect(sealer.heldLength).toBe(FRAME);
    expect(Buffer.concat(sealer.update(Buffer.alloc(1)))).toHaveLength(FRAME + 16);
    expect(sealer.heldLength).toBe(1);
  });

  it.each([
    ['one length without the other', () => new ChunkSealer(SecretKey.random(), context, { plainLength: 5 })],
    ['nothing at all', () => new ChunkSealer(SecretKey.random(), context).finish()],
    ['nothing, padded', () => new ChunkSealer(SecretKey.random(), context).finish(4096)],
    ['padding to less', () => sealPieces(SecretKey.random(), [Buffer.alloc(9)], 8, false)],
    [
      'more than 64 MiB',
      () => new ChunkSealer(SecretKey.random(), context, { plainLength: 1, paddedLength: MAX_CHUNK_LENGTH + 1 }),
    ],
    [
      'more than was said',
      () => new ChunkSealer(SecretKey.random(), context, { plainLength: 2, paddedLength: 9 }).update(Buffer.alloc(3)),
    ],
    [
      'less than was said',
      () => new ChunkSealer(SecretKey.random(), context, { plainLength: 2, paddedLength: 9 }).finish(),
    ],
  ])('is not made of %s', (_, make) => {
    expect(make).toThrow(RangeError);
  });

  it('takes nothing more once it is closed', () => {
    const sealer = new ChunkSealer(SecretKey.random(), context);
    sealer.update(Buffer.from('all'));
    sealer.finish();
    expect(() => sealer.update(Buffer.from('more'))).toThrow('closed');
    expect(() => sealer.finish()).toThrow('closed');
  });

  it('looks random: no byte stands still from one chunk to the next', () => {
    const blobs = Array.from({ length: 64 }, () => sealChunk(SecretKey.random(), context, Buffer.alloc(64), 64));
    for (let at = 0; at < 64 + 64 + 16; at += 1) {
      expect(new Set(blobs.map((blob) => blob[at])).size, `byte ${at}`).toBeGreaterThan(20);
    }
  });
});
