import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Encoding } from './index.js';
import { uuidFrom } from './encoding.js';
import { id } from './testing/stored-file.js';

describe('the canonical encoding', () => {
  it('is big-endian and fixed in width', () => {
    const encoded = new Encoding()
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(2 ** 53 - 1)
      .i64(-2)
      .u64OrNone(null)
      .uuid('01234567-89ab-cdef-0123-456789abcdef')
      .uuidOrNone(null)
      .bytes(Buffer.from('xyz'), 3)
      .finish();
    const expected =
      '01 0203 04050607 001fffffffffffff fffffffffffffffe ffffffffffffffff 0123456789abcdef0123456789abcdef ' +
      '00000000000000000000000000000000 78797a';
    expect(encoded.toString('hex')).toBe(expected.replaceAll(' ', ''));
  });

  it.each([
    ['a negative number', () => new Encoding().u64(-1)],
    ['an unsafe number', () => new Encoding().u64(2 ** 53)],
    ['a fraction', () => new Encoding().u32(0.5)],
    ['NaN', () => new Encoding().u8(Number.NaN)],
    ['a number too wide', () => new Encoding().u16(65_536)],
    ['the nil id, which stands for absence', () => new Encoding().uuid('00000000-0000-0000-0000-000000000000')],
    ['what is no id', () => new Encoding().uuid(`${id(1)}0`)],
    ['an id without dashes', () => new Encoding().uuid(id(1).replaceAll('-', ''))],
    ['bytes of another length', () => new Encoding().bytes(Buffer.alloc(31), 32)],
  ])('refuses %s', (_, encode) => {
    expect(encode).toThrow(RangeError);
  });

  it('encodes no two different things alike', () => {
    const part = fc.tuple(
      fc.option(fc.uuid(), { nil: null }),
      fc.option(fc.maxSafeNat(), { nil: null }),
      fc.maxSafeInteger(),
    );
    const encode = ([one, two, three]: [string | null, number | null, number]): string =>
      new Encoding().uuidOrNone(one).u64OrNone(two).i64(three).finish().toString('hex');
    fc.assert(
      fc.property(part, part, (left, right) => {
        fc.pre(left[0] === null || !/^[0-]+$/.test(left[0]));
        fc.pre(right[0] === null || !/^[0-]+$/.test(right[0]));
        expect(encode(left) === encode(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
    );
  });

  it('gives ids back', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(uuidFrom(new Encoding().uuid(uuid).finish())).toBe(uuid);
      }),
    );
  });

  it('grows as far as it must', () => {
    for (const [name, encode] of [
      ['u64', (encoding: Encoding) => encoding.u64(1)],
      ['nothing', (encoding: Encoding) => encoding.u64OrNone(null)],
      ['id', (encoding: Encoding) => encoding.uuid(id(1))],
      ['bytes', (encoding: Encoding) => encoding.bytes(Buffer.alloc(9, 1), 9)],
    ] as const) {
      const encoding = new Encoding();
      for (let times = 0; times < 100; times += 1) encode(encoding);
      const once = encode(new Encoding()).finish();
      expect(encoding.finish().equals(Buffer.concat(Array.from({ length: 100 }, () => once))), name).toBe(true);
    }
  });
});
