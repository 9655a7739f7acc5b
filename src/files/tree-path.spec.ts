import { describe, expect, it } from 'vitest';
import { NameRefused, NotFound } from './errors.js';
import { namesOfTarget } from './tree-path.js';

describe('the path in a request’s target', () => {
  it.each<[string, string[]]>([
    ['/api/tree', []],
    ['/api/tree/', []],
    ['/api/tree?limit=1', []],
    ['/api/tree/a/b%20c?limit=1', ['a', 'b c']],
    ['/api/tree/a?b/c', ['a']],
    ['/api/content/http://x', ['http:', '', 'x']],
    ['http://host/api/tree/a/b', ['a', 'b']],
    ['HTTPS://user@host:8080/api/tree/a?x', ['a']],
    ['http://host/api/tree', []],
  ])('%s is %j', (target, names) => {
    if (names.includes('')) expect(() => namesOfTarget(target)).toThrow(NameRefused);
    else expect(namesOfTarget(target)).toEqual(names);
  });

  it.each([
    '',
    '*',
    '/',
    '/api',
    '/api/',
    '/dav/x',
    'host:80',
    'http://host',
    'http://host\\api\\tree',
    '//api/tree/x',
  ])('%j names nothing, least of all the top folder', (target) => {
    expect(() => namesOfTarget(target)).toThrow(NotFound);
  });
});
