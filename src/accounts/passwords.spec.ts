import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { HashUnacceptable, WeakPassword } from './faults.js';
import { requireStrong } from './password-rule.js';
import { Passwords } from './passwords.js';

const passwords = new Passwords();
const cheap = (memoryCost: number, timeCost: number) =>
  hash('right', { algorithm: 2, memoryCost, timeCost, parallelism: 1, outputLen: 32 });

describe('a password hash', () => {
  it('is Argon2id at 64 MiB, three passes, one lane, and knows its password', async () => {
    const stored = await passwords.hash('correct horse');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
    expect(passwords.isOutdated(stored)).toBe(false);
    expect(await passwords.matches(stored, 'correct horse')).toBe(true);
    expect(await passwords.matches(stored, 'Correct horse')).toBe(false);
    expect(await passwords.matches(stored, 'correct horse ')).toBe(false);
  });

  it('of weaker but acceptable cost still counts, and is outdated', async () => {
    const stored = await cheap(19_456, 2);
    expect([await passwords.matches(stored, 'right'), passwords.isOutdated(stored)]).toEqual([true, true]);
  });

  it.each([
    ['below the floor in memory', () => cheap(8192, 3)],
    ['below the floor in passes', () => cheap(65_536, 1)],
    ['beyond the ceiling in memory', async () => (await cheap(19_456, 2)).replace('m=19456', 'm=4194304')],
    ['beyond the ceiling in passes', async () => (await cheap(19_456, 2)).replace('t=2', 't=200')],
    ['beyond the ceiling in lanes', async () => (await cheap(19_456, 2)).replace('p=1', 'p=64')],
    ['of another algorithm', async () => (await cheap(19_456, 2)).replace('argon2id', 'argon2i')],
    ['that is none', async () => ''],
    ['that is the password itself', async () => 'right'],
  ])('%s is refused before any work', async (_, make) => {
    const stored = await make();
    const before = process.cpuUsage();
    await expect(passwords.matches(stored, 'right')).rejects.toBeInstanceOf(HashUnacceptable);
    expect(process.cpuUsage(before).user).toBeLessThan(50_000);
  });

  it('of nobody never matches', async () => {
    expect(await passwords.matchesNobody('right')).toBe(false);
  });
});

describe('the rule for new passwords', () => {
  it.each([
    'seven77',
    '12345678',
    'Password123',
    'iloveyou',
    'abcdefgh',
    '87654321',
    'aaaaaaaa',
    'abababab',
    '👍👍👍👍',
    'ann@example.org',
    'ann.example',
  ])('refuses «%s»', (password) => {
    const email = password === 'ann.example' ? 'Ann.Example@example.org' : 'Ann@Example.org';
    expect(() => requireStrong(password, email)).toThrow(WeakPassword);
  });

  it.each(['correct horse battery staple', 'Xk4!pq-7', 'пароль-мой-друг', '        x y z'])(
    'takes «%s»',
    (password) => {
      expect(() => requireStrong(password, 'ann@example.org')).not.toThrow();
    },
  );
});
