import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conflicting, forbidding, type HeldLock, type Touch, touchesOfMaking } from './lock-rules.js';

const lock = (path: string, more: Partial<HeldLock> = {}): HeldLock => ({
  token: `urn:uuid:${path}`,
  names: path.split('/').filter(Boolean),
  deep: false,
  shared: false,
  owner: '',
  seconds: 60,
  ...more,
});
const touch = (path: string, more: Partial<Touch> = {}): Touch => ({ at: path.split('/').filter(Boolean), ...more });

describe('a lock forbids', () => {
  it.each<[string, HeldLock, Touch, boolean]>([
    ['what it is on', lock('a/b'), touch('a/b'), true],
    ['what it is on, in another spelling', lock('caf\u00e9'), touch('cafe\u0301'), true],
    ['nothing beside it', lock('a/b'), touch('a/bb'), false],
    ['nothing above it', lock('a/b'), touch('a'), false],
    ['what is above, with all that is in it', lock('a/b'), touch('a', { deep: true }), true],
    ['nothing below, when it is shallow', lock('a'), touch('a/b'), false],
    ['names to come and go below, when it is shallow', lock('a'), touch('a/b', { member: true }), true],
    ['no names further below, when it is shallow', lock('a'), touch('a/b/c', { member: true }), false],
    ['anything below, when it is deep', lock('a', { deep: true }), touch('a/b/c'), true],
    ['everything, deep on the top', lock('', { deep: true }), touch('x'), true],
    ['names in the top, shallow on the top', lock(''), touch('x', { member: true }), true],
    ['the top with all that is in it', lock('x/y'), touch('', { deep: true }), true],
  ])('%s', (_, held, touched, forbids) => {
    expect(forbidding([held], [touched], [])).toEqual(forbids ? [held] : []);
    expect(forbidding([held], [touched], [held.token])).toEqual([]);
  });

  it('until the token of one of those that share it is shown, for each path', () => {
    const [one, two] = [lock('a', { shared: true }), lock('a', { shared: true, token: 'urn:uuid:2' })];
    const inner = lock('a/b');
    const touched = [touch('a', { deep: true })];
    expect(forbidding([one, two], touched, ['urn:uuid:2'])).toEqual([]);
    expect(forbidding([one, two, inner], touched, ['urn:uuid:2'])).toEqual([inner]);
    expect(forbidding([one, two, inner], touched, [inner.token])).toEqual([one, two]);
  });
});

it('another lock beside it, unless both are shared or they do not meet', () => {
  const name = fc.constantFrom('a', 'b');
  const held = fc.record({ names: fc.array(name, { maxLength: 3 }), deep: fc.boolean(), shared: fc.boolean() });
  const within = (path: readonly string[], of: readonly string[]): boolean => of.every((one, nth) => one === path[nth]);
  fc.assert(
    fc.property(held, held, (one, two) => {
      const same = one.names.join() === two.names.join();
      const meet = same || (one.deep && within(two.names, one.names)) || (two.deep && within(one.names, two.names));
      const found = conflicting([lock('', one)], two).length > 0;
      expect(found).toBe(meet && !(one.shared && two.shared));
    }),
  );
});

it.each<[string, number, string]>([
  ['a', 0, 'a*'],
  ['a/b/c', 2, 'a/b/c*'],
  ['a/b/c', 0, 'a*'],
  ['a/b/c', 1, 'a/b*'],
])('making %s where %i of its names are there brings a name: %s', (path, there, expected) => {
  const [first, all] = touchesOfMaking(path.split('/'), there);
  expect(`${first!.at.join('/')}${first!.member === true ? '*' : ''}`).toBe(expected);
  expect(all).toEqual({ at: path.split('/'), deep: true });
});
