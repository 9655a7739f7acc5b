import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, PASSWORD, type Person, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let person: Person;
let client: Client;
let stranger: Client;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
  stranger = new Client(gateway, 'none');
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  person = await newPerson(gateway, admin, ['user']);
  client = new Client(gateway, person.token);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  stranger?.[Symbol.dispose]();
  await gateway?.stop();
});

const address = async (path: string, more: object = {}) => {
  const answer = await client.json('POST', '/api/upload-addresses', { path, ...more });
  expect(answer.status).toBe(201);
  return new URL(answer.json<{ url: string }>().url).pathname;
};
const put = (path: string, body: Buffer | string | Iterable<Buffer>) => stranger.send(path, { method: 'PUT', body });
const refused = async (path: string) => {
  const answer = await put(path, 'x');
  expect([answer.status, answer.type]).toEqual([403, 'address-refused']);
};

describe('a signed address', () => {
  it('takes a file with no other credential, and tells no more than what was sent', async () => {
    const bytes = randomBytes(200_000);
    const answer = await put(await address('inbox/new%20file'), bytes);
    expect([answer.status, Object.keys(answer.json())]).toEqual([201, ['size', 'sha256']]);
    expect((await client.get('inbox/new%20file')).body.equals(bytes)).toBe(true);
  });

  it('makes a new file only, unless it was made to replace one', async () => {
    await client.put('there', 'old');
    const once = await put(await address('there'), 'new');
    expect([once.status, once.type]).toEqual([412, 'precondition-failed']);
    expect((await client.get('there')).body.toString()).toBe('old');
    expect((await put(await address('there', { replace: true }), 'new')).status).toBe(200);
    expect((await client.get('there')).body.toString()).toBe('new');
    const fresh = await address('fresh');
    expect([(await put(fresh, 'x')).status, (await put(fresh, 'y')).status]).toEqual([201, 412]);
  });

  it('takes no more than it was made for, whether or not the length is told', async () => {
    const path = await address('small', { mostBytes: 1000 });
    expect((await put(path, Buffer.alloc(1001))).type).toBe('too-large');
    expect((await put(path, [Buffer.alloc(600), Buffer.alloc(600)])).type).toBe('too-large');
    expect((await client.get('small')).status).toBe(404);
    expect((await put(path, [Buffer.alloc(500), Buffer.alloc(500)])).status).toBe(201);
  });

  it('is refused when any bit of it is another', async () => {
    const path = await address('target');
    const [, encoded] = /^(?:.*\/)([\w-]+)$/.exec(path)!;
    const bytes = Buffer.from(encoded!, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await refused(`/api/signed-uploads/${changed.toString('base64url')}`);
    }
    for (const short of [0, 16, 36, bytes.length - 1]) {
      await refused(`/api/signed-uploads/${bytes.subarray(0, short).toString('base64url') || 'A'}`);
    }
    await refused(`${path}A`);
    expect((await client.get('target')).status).toBe(404);
  });

  it('is refused when its time is over', async () => {
    const path = await address('late', { seconds: 1 });
    const until = performance.now() + 10_000;
    let status = 0;
    // Taken again and again until it is not: by the database's clock, a second from when it was made.
    while (status !== 403 && performance.now() < until) status = (await put(path, 'x')).status;
    expect(status).toBe(403);
  });

  it('is refused when its owner’s password has changed, or the account is disabled', async () => {
    const first = await address('one');
    const change = { currentPassword: PASSWORD, newPassword: 'another fine password' };
    expect((await client.json('POST', '/api/auth/password', change)).status).toBeLessThan(300);
    await refused(first);
    client[Symbol.dispose]();
    client = new Client(gateway, await signIn(gateway, { email: person.email, password: change.newPassword }));
    const second = await address('two');
    await call(gateway, `/api/admin/users/${person.id}`, { method: 'PATCH', token: admin, body: { disabled: true } });
    await refused(second);
  });

  it('is not made for a path that no file can have, or for ever', async () => {
    for (const path of ['a//b', '..', 'a%2Fb', '/']) {
      expect((await client.json('POST', '/api/upload-addresses', { path })).status).toBe(400);
    }
    for (const more of [{ path: '' }, { path: 'x', seconds: 0 }, { path: 'x', seconds: 1_000_000 }]) {
      expect((await client.json('POST', '/api/upload-addresses', more)).status).toBe(422);
    }
  });
});
