import { describe, expect, it } from 'vitest';
import { DavUnreadable } from './faults.js';
import { readIf } from './if-header.js';

describe('the header If', () => {
  it.each<[string, [string | null, string[]][]]>([
    ['(<urn:uuid:1>)', [[null, ['urn:uuid:1']]]],
    ['(<a> ["v"])', [[null, ['a', '"v"']]]],
    [
      '(<a>["v"])(Not <DAV:no-lock>)',
      [
        [null, ['a', '"v"']],
        [null, ['not dav:no-lock']],
      ],
    ],
    ['([W/"v"])', [[null, ['W/"v"']]]],
    [
      '<http://h/dav/x> (<a>) (["v"]) </dav/y> (not ["w"])',
      [
        ['http://h/dav/x', ['a']],
        ['http://h/dav/x', ['"v"']],
        ['/dav/y', ['not "w"']],
      ],
    ],
    ['  (  <a>  )  ', [[null, ['a']]]],
    ['(["a b>(c"])', [[null, ['"a b>(c"']]]],
  ])('%s', (header, expected) => {
    const lists = readIf(header)!.map(({ resource, conditions }) => [
      resource,
      conditions.map(({ not, token, etag }) => `${not ? 'not ' : ''}${token ?? etag}`),
    ]);
    expect(lists).toEqual(expected);
  });

  it('is none where there is none', () => {
    expect(readIf(undefined)).toBeNull();
  });

  it.each([
    ...['', ' ', '()', '(', ')', '(<a>', '<a>', '<a> <b>', '(<a>))', '((<a>))', '(Not)', '(Not Not <a>)', '("v")'],
    ...[
      '([v])',
      '(a)',
      'Not (<a>)',
      '(<a>) x',
      '(<a b>)',
      '[“]',
      '(<a>'.repeat(10_000),
      '(<a>)'.repeat(101),
      `(${'<a>'.repeat(101)})`,
    ],
  ])('is refused: %s', (header) => {
    expect(() => readIf(header)).toThrow(DavUnreadable);
  });
});
