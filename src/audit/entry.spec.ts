import { describe, expect, it } from 'vitest';
import { UnfitEntry, written } from './entry.js';

describe('an entry for the record', () => {
  it('writes the same details as one text, whatever the order they came in', () => {
    const one = written({ action: 'a', details: { b: 1, a: { d: [true, null], c: 'x' } } });
    const other = written({ action: 'a', details: { a: { c: 'x', d: [true, null] }, b: 1 } });
    expect(one.details).toBe('{"a":{"c":"x","d":[true,null]},"b":1}');
    expect(other.details).toBe(one.details);
  });

  it.each([
    ['a line break', 'good\nsign-in.ok admin'],
    ['a carriage return', 'good\rbad'],
    ['a NUL', 'good\0bad'],
    ['an escape sequence', 'good\u001b[31mbad'],
    ['a line separator', 'good\u2028bad'],
    ['text that turns around', 'good\u202ebad'],
    ['half a character', 'good\ud800bad'],
  ])('keeps %s out of a subject', (_, subject) => {
    expect(written({ action: 'a', subject }).subject).toMatch(/^good\ufffd(\[31m)?(bad|sign-in\.ok admin)$/);
  });

  it.each(['password', 'newPassword', 'client_secret', 'accessToken', 'credentials', 'cookie', 'Authorization'])(
    'refuses a detail called %s',
    (name) => {
      expect(() => written({ action: 'a', details: { [name]: 'x' } })).toThrow(UnfitEntry);
      expect(() => written({ action: 'a', details: { deep: { [name]: 'x' } } })).toThrow(UnfitEntry);
    },
  );

  it.each([
    ['a fraction', { n: 0.5 }],
    ['a number beyond the safe ones', { n: 2 ** 53 }],
    ['nesting without end', { a: { a: { a: { a: { a: 1 } } } } }],
    ['a novel', { text: 'x'.repeat(9000) }],
  ])('refuses %s', (_, details) => {
    expect(() => written({ action: 'a', details })).toThrow(UnfitEntry);
  });

  it.each(['', 'Sign-in', 'sign in', 'a..b', 'a.', '-a', 'a\nb', 'a'.repeat(101)])(
    'refuses the action «%s»',
    (action) => {
      expect(() => written({ action })).toThrow(UnfitEntry);
    },
  );
});
