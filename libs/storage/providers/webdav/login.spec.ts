import { expect, it } from 'vitest';
import { AccessRefused } from '../../errors.js';
import { TestClock } from '../../testing/index.js';
import { Login } from './login.js';

it('A login that was refused is tried again after five minutes, not before', async () => {
  const clock = new TestClock();
  const login = new Login('alice', 'secret', clock);
  expect(login.authorization()).toBe('Basic YWxpY2U6c2VjcmV0');
  login.heard(403);
  login.heard(200);
  expect(login.authorization()).toBeTruthy();
  login.heard(401);
  expect(() => login.authorization()).toThrow(AccessRefused);
  await clock.sleep(299_999);
  expect(() => login.authorization()).toThrow(AccessRefused);
  await clock.sleep(1);
  expect(login.authorization()).toBeTruthy();
});
