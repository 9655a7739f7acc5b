import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameRefused } from './errors.js';
import { formatPath, nameKey, parsePath } from './names.js';

describe('a path', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['a', ['a']],
    ['a/b/c', ['a', 'b', 'c']],
    ['a%20b/%C3%A9', ['a b', 'é']],
    ['räksmörgås', ['räksmörgås']],
    ['100%25', ['100%']],
    ['%252e', ['%2e']],
    ['...', ['...']],
    [' ', [' ']],
    ['a+b', ['a+b']],
    ['n'.repeat(255), ['n'.repeat(255)]],
    ['€'.repeat(85), ['€'.repeat(85)]],
  ])('%j is %j', (path, names) => {
    expect(parsePath(path)).toEqual(names);
  });

  it.each([
    ...['/', 'a/', '/a', 'a//b', '.', '..', 'a/./b', 'a/../b', '%2e', '%2E%2e', '%2F', 'a%2fb', '%00', 'a%00'],
    ...['%', '%4', '%zz', '%ff', '%c0%af', '%ed%a0%80', '\ud800', 'a\0b', 'n'.repeat(256), `${'€'.repeat(85)}a`],
  ])('%j is none', (path) => {
    expect(() => parsePath(path)).toThrow(NameRefused);
  });

  it('of any names is written so that it is read as the same names', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((text) => text.isWellFormed() && !/[/\0]/.test(text) && text !== '.' && text !== '..');
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (names) => {
        const path = formatPath(names);
        expect(path).toMatch(/^[\x21-\x7e]*$/);
        expect(parsePath(path)).toEqual(names);
      }),
    );
  });
});

describe('two names are one', () => {
  it.each<[string, string, boolean]>([
    ['é', 'e\u0301', true],
    ['\u212b', '\u00c5', true],
    ['\uac00', '\u1100\u1161', true],
    ['a', 'A', false],
    ['ß', 'ss', false],
    ['ﬁ', 'fi', false],
    ['x', 'x\u200b', false],
  ])('%j and %j: %j', (a, b, same) => {
    expect(nameKey(a) === nameKey(b)).toBe(same);
  });
});
