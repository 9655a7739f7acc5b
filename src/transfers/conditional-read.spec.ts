import { describe, expect, it } from 'vitest';
import { PreconditionFailed } from '../files/index.js';
import { isUnchanged, rangeHolds } from './conditional-read.js';

const VERSION = 'v2';
const TAG = '"v2"';
/** HTTP dates have whole seconds; files do not. */
const MODIFIED = new Date('2017-07-14T02:40:00.700Z');
const AT = 'Fri, 14 Jul 2017 02:40:00 GMT';
const BEFORE = 'Fri, 14 Jul 2017 02:39:59 GMT';
const AFTER = 'Fri, 14 Jul 2017 02:40:01 GMT';

describe('a conditional read', () => {
  it.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ 'if-none-match': TAG }, true],
    [{ 'if-none-match': `W/${TAG}` }, true],
    [{ 'if-none-match': '"v1", "v2"' }, true],
    [{ 'if-none-match': '*' }, true],
    [{ 'if-none-match': '"v1"' }, false],
    [{ 'if-modified-since': AT }, true],
    [{ 'if-modified-since': AFTER }, true],
    [{ 'if-modified-since': BEFORE }, false],
    [{ 'if-modified-since': 'never' }, false],
    [{ 'if-none-match': '"v1"', 'if-modified-since': AFTER }, false],
    [{ 'if-match': TAG, 'if-none-match': TAG }, true],
    [{ 'if-match': '*', 'if-unmodified-since': BEFORE }, false],
    [{ 'if-unmodified-since': AT }, false],
    [{ 'if-unmodified-since': 'never' }, false],
  ])('with %j: known already is %j', (headers, unchanged) => {
    expect(isUnchanged(headers, VERSION, MODIFIED)).toBe(unchanged);
  });

  it.each<[Record<string, string>]>([
    [{ 'if-match': '"v1"' }],
    [{ 'if-match': `W/${TAG}` }],
    [{ 'if-unmodified-since': BEFORE }],
    [{ 'if-match': '"v1"', 'if-none-match': TAG }],
  ])('with %j fails', (headers) => {
    expect(() => isUnchanged(headers, VERSION, MODIFIED)).toThrow(PreconditionFailed);
  });
});

describe('a range with If-Range', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, true],
    [TAG, true],
    [` ${TAG} `, true],
    [`W/${TAG}`, false],
    ['"v1"', false],
    ['v2', false],
    [AT, true],
    [BEFORE, false],
    [AFTER, false],
    ['', false],
  ])('%j holds: %j', (header, holds) => {
    expect(rangeHolds(header, VERSION, MODIFIED)).toBe(holds);
  });
});
