import { describe, expect, it } from 'vitest';
import { PreconditionFailed } from './errors.js';
import { checkPreconditions, etagOf, parseTags, type Preconditions } from './preconditions.js';

describe('entity tags in a header', () => {
  it.each<[string | undefined, '*' | string[] | undefined]>([
    [undefined, undefined],
    ['*', '*'],
    [' * ', '*'],
    ['"a"', ['a']],
    ['"a", "b"', ['a', 'b']],
    ['"a","b"', ['a', 'b']],
    ['W/"a"', ['W/"a"']],
    ['a', ['a']],
    ['""', ['']],
    ['', ['']],
  ])('%j are %j', (header, tags) => {
    expect(parseTags(header)).toEqual(tags);
  });

  it('are written as they are read', () => {
    expect(parseTags(etagOf('v'))).toEqual(['v']);
  });
});

describe('preconditions', () => {
  const of = (match?: string, noneMatch?: string): Preconditions => ({
    match: parseTags(match),
    noneMatch: parseTags(noneMatch),
  });

  it.each<[string, Preconditions, string | null, boolean]>([
    ['none', {}, 'v', true],
    ['none, where nothing is', {}, null, true],
    ['this version', of('"v"'), 'v', true],
    ['this version or another', of('"u", "v"'), 'v', true],
    ['any version', of('*'), 'v', true],
    ['another version', of('"u"'), 'v', false],
    ['this version, weakly', of('W/"v"'), 'v', false],
    ['an empty tag', of('""'), 'v', false],
    ['some version, where nothing is', of('"v"'), null, false],
    ['any version, where nothing is', of('*'), null, false],
    ['no file', of(undefined, '*'), null, true],
    ['no file, where one is', of(undefined, '*'), 'v', false],
    ['not this version', of(undefined, '"v"'), 'v', false],
    ['not another version', of(undefined, '"u"'), 'v', true],
    ['not this version, where nothing is', of(undefined, '"v"'), null, true],
    ['this version and no file', of('"v"', '*'), 'v', false],
  ])('%s', (_, wanted, version, holds) => {
    const check = () => checkPreconditions(wanted, version);
    if (holds) expect(check()).toBeUndefined();
    else expect(check).toThrow(PreconditionFailed);
  });
});
