import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditPage } from '#contracts';
import { startGateway, type TestGateway } from './support/gateway.js';
import { type Answer, call, newPerson, PASSWORD, type Person, signIn } from './support/people.js';

/** Believes one proxy, so that the test can come from many addresses. */
let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_TRUST_PROXY: '1' } });
  admin = await signIn(gateway);
});
afterAll(() => gateway?.stop());

let addresses = 0;
const newAddress = () => `198.51.${Math.floor((addresses += 1) / 250)}.${addresses % 250}`;
const login = (email: string, password: string, address: string) =>
  call(gateway, '/api/auth/login', { body: { email, password }, headers: { 'X-Forwarded-For': address } });
const newUser = () => newPerson(gateway, admin, ['user']);
const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);
const basic = (email: string, password: string, address: string) =>
  call(gateway, '/api/tree/', {
    headers: {
      Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`,
      'X-Forwarded-For': address,
    },
  });

async function guess(count: number, how: (index: number) => Promise<Answer>): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index += 1) found.push((await how(index)).status);
  return found;
}

describe('whoever guesses', () => {
  it('is slowed down after a few wrong passwords, told for how long, and let in then with the right one', async () => {
    const [{ email }, address] = [await newUser(), newAddress()];
    expect(await guess(6, (index) => login(email, `guess ${index}`, address))).toEqual(Array(6).fill(401));
    const refused = await login(email, PASSWORD, address);
    expect([refused.status, refused.json()['type'], refused.headers.get('retry-after')]).toEqual([
      429,
      'too-many-requests',
      '1',
    ]);
    await expect.poll(async () => (await login(email, PASSWORD, address)).status).toBe(200);
  });

  it('gains nothing by guessing in parallel', async () => {
    const [{ email }, address] = [await newUser(), newAddress()];
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => login(email, `guess ${index}`, address)),
    );
    expect(statuses(answers).filter((status) => status === 401)).toHaveLength(6);
    expect(new Set(statuses(answers))).toEqual(new Set([401, 429]));
  });

  it('gains nothing by going from door to door', async () => {
    const [user, address] = [await newUser(), newAddress()];
    const { email, token } = user;
    expect(await guess(3, (index) => login(email, `guess ${index}`, address))).toEqual([401, 401, 401]);
    expect(await guess(2, (index) => basic(email, `guess ${index}`, address))).toEqual([401, 401]);
    const change = () =>
      call(gateway, '/api/auth/password', {
        token,
        body: { currentPassword: 'guess', newPassword: 'the password of the thief' },
        headers: { 'X-Forwarded-For': address },
      });
    expect((await change()).status).toBe(403);
    const after = [await change(), await login(email, PASSWORD, address), await basic(email, PASSWORD, address)];
    expect(statuses(after)).toEqual([429, 429, 429]);
  });

  it('from many machines does not keep the owner out where the owner signed in before', async () => {
    const [{ email }, home] = [await newUser(), newAddress()];
    expect((await login(email, PASSWORD, home)).status).toBe(200);
    const strangers = await guess(40, () => login(email, 'guess', newAddress()));
    expect(strangers.slice(0, 21)).toEqual(Array(21).fill(401));
    expect(strangers.slice(25)).toContain(429);
    expect((await login(email, PASSWORD, home)).status).toBe(200);
  });

  it('at app passwords is slowed down by address, and slows down nobody else', async () => {
    const [{ email }, address] = [await newUser(), newAddress()];
    const made = 'abcd-abcd-abcd-abcd-abcd-abcd-abcd-abcd';
    expect(await guess(103, () => basic(email, made, address))).toContain(429);
    expect((await login(email, PASSWORD, newAddress())).status).toBe(200);
  });

  it('leaves traces in the record, and of addresses without an account nothing readable', async () => {
    const { email, id } = await newUser();
    await login(email, 'wrong', newAddress());
    await login('my secret password', 'wrong', newAddress());
    const answer = await call(gateway, '/api/admin/audit?action=sign-in.refused&limit=2', { token: admin });
    expect(answer.json<AuditPage>().items).toMatchObject([
      { account: null, actor: null, details: { reason: 'unknown-account', via: 'login' } },
      { account: id, actor: null, details: { reason: 'wrong-password', via: 'login' } },
    ]);
    expect(answer.text).not.toMatch(/my secret|wrong"/);
  });
});

describe('an account that does not exist', () => {
  it('is answered like one that does', async () => {
    const { email } = await newUser();
    const gone = await newUser();
    const body = { disabled: true };
    await call(gateway, `/api/admin/users/${gone.id}`, { method: 'PATCH', token: admin, body });
    const plain = ({ status, headers, text }: Answer) => [
      status,
      text.replace(/"requestId":"[^"]*"/, ''),
      [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)),
    ];
    const wrong = plain(await login(email, 'wrong', newAddress()));
    expect(plain(await login('nobody@example.org', 'wrong', newAddress()))).toEqual(wrong);
    expect(plain(await login(gone.email, PASSWORD, newAddress()))).toEqual(wrong);
    expect(wrong[0]).toBe(401);
  });

  it('is slowed down like one that does', async () => {
    const address = newAddress();
    const found = await guess(8, () => login('nobody.at.all@example.org', 'wrong', address));
    expect(found).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
  });

  it('takes as long as one that does', async () => {
    const people: Person[] = [await newUser(), await newUser(), await newUser()];
    const times = { known: [] as number[], unknown: [] as number[] };
    const timed = async (kind: keyof typeof times, email: string) => {
      const began = performance.now();
      await login(email, 'wrong', newAddress());
      times[kind].push(performance.now() - began);
    };
    for (let round = 0; round < 15; round += 1) {
      await timed('known', people[round % 3]!.email);
      await timed('unknown', `nobody${round % 3}@example.org`);
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[7]!;
    const ratio = median(times.known) / median(times.unknown);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
  });
});

it('answers a storm of sign-ins honestly, and goes on serving others', async () => {
  const storm = Array.from({ length: 400 }, (_, index) => login(`storm${index}@example.org`, 'wrong', newAddress()));
  const meanwhile = await call(gateway, '/api/auth/me', { token: admin });
  const answers = await Promise.all(storm);
  expect(meanwhile.status).toBe(200);
  expect(new Set(statuses(answers))).toEqual(new Set([401, 503]));
  expect(answers.find(({ status }) => status === 503)!.headers.get('retry-after')).toBe('2');
});
