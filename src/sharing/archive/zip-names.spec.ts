import { expect, it } from 'vitest';
import { zipName } from './zip-names.js';

it.each(['plain.txt', 'Ünïcödé 東京', '.hidden', '...a', 'a b.c', '-rf', '~', 'con1', 'console.txt', '🙂'])(
  '%s stays',
  (name) => {
    expect(zipName(name)).toBe(name);
  },
);

it.each([
  '..\\..\\boot.ini',
  'C:evil',
  'C:\\Windows\\x',
  '\\\\server\\share',
  'file:stream',
  'a*b?',
  'new\nline',
  'bell\x07',
  'turned\u202eexe.txt',
  'ends.',
  'ends ',
  '...',
  'CON',
  'nul.txt',
  'COM1',
  'lpt9.tar.gz',
])('%j is made harmless', (name) => {
  const safe = zipName(name);
  expect(safe).not.toMatch(/[\\:*?"<>|\p{Cc}\u202e/]/u);
  expect(safe).not.toMatch(/[. ]$/);
  expect(safe).not.toMatch(/^\.+$/);
  expect(safe).not.toMatch(/^(con|nul|com1|lpt9)(\.|~|$)/i);
  expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255);
});

it('two names that differ in what was changed stay two, and long ones stay within what a name may have', () => {
  expect(zipName('a:b.txt')).not.toBe(zipName('a?b.txt'));
  expect(zipName('a:b.txt')).toMatch(/\.txt$/);
  const long = `${'é'.repeat(120)}:.jpeg`;
  expect(Buffer.byteLength(zipName(long))).toBeLessThanOrEqual(255);
  expect(zipName(long)).toMatch(/\.jpeg$/);
});
