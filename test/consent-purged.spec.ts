import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, Job } from '#contracts';
import { ReadRecord } from '../src/audit/index.js';
import { Worker } from '../src/jobs/index.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { Client } from './support/client.js';
import { connectByConsent, googleSettings } from './support/consent.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, type Person, signIn } from './support/people.js';

const CHUNK = 64 * 1024;
const USER = 'ada@example.com';

let google: GoogleDouble;
let gateway: TestGateway;
let admin: Client;
beforeAll(async () => {
  google = await startGoogle();
  gateway = await startGateway({
    environment: {
      ...googleSettings(google),
      TESSERA_CHUNK_BYTES: String(CHUNK),
      TESSERA_BYTE_BUDGET: '1MiB',
    },
  });
  admin = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  await gateway?.stop();
  await google?.stop();
});

/** Somebody whose files lie in a Google Drive. */
async function withDrive(): Promise<{ person: Person; client: Client; connection: Connection }> {
  const person = await newPerson(gateway, admin.token, ['user']);
  const client = new Client(gateway, person.token);
  const choice = { user: USER };
  const connection = await connectByConsent(gateway, google, person.token, { choice, provider: 'google-drive' });
  await client.spread(1, 0, [connection.id]);
  return { person, client, connection };
}

const query = async (text: string, values: unknown[]) => {
  await using database = await intruder(gateway);
  return (await database.query<Record<string, unknown>>(text, values)).rows;
};
const heardOf = (path: string) => google.heard.filter((heard) => heard.path === path).length;

async function purge(person: Person): Promise<Job> {
  const answer = await admin.send(`/api/admin/users/${person.id}`, { method: 'DELETE' });
  const { job } = answer.json<{ job: Job }>();
  for (;;) {
    const now = (await admin.send(`/api/jobs/${job.id}`)).json<Job>();
    if (now.state === 'done') return now;
    await query(`update jobs set next_at = now() - interval '1 minute' where state = $1`, ['waiting']);
    await inside(gateway, Worker).recover();
    await pause(20);
  }
}

describe('an account whose files lie in a Google Drive', () => {
  it('leaves nothing there; its consent ends after that, and its credentials last', async () => {
    const { person, client, connection } = await withDrive();
    expect((await client.put('plan', randomBytes(3 * CHUNK))).status).toBe(201);
    expect(google.items(USER).size).toBeGreaterThan(3);
    // The first word that the consent is over does not arrive.
    google.follow([{ method: 'POST', about: '/revoke', nth: 1, does: { kind: 'answers', status: 503 } }]);
    await purge(person);
    client[Symbol.dispose]();
    // The marker lies in our folder, which is in the Drive's own trash; beside it stands the folder that all connections share.
    const left = [...google.items(USER).values()];
    expect(left.filter(({ bytes }) => bytes !== null)).toHaveLength(1);
    const inTrash = new Set(left.filter(({ explicitlyTrashed }) => explicitlyTrashed).map(({ id }) => id));
    const outside = left.filter(({ id, parent }) => !inTrash.has(id) && !inTrash.has(parent ?? ''));
    expect(outside.map(({ name }) => name)).toEqual(['Tessera']);
    expect(heardOf('/revoke')).toBe(2);
    expect(google.heard.at(-1)!.path).toBe('/revoke');
    const rows = await query('select credentials, credential_key, settings from connections where id = $1', [
      connection.id,
    ]);
    expect(rows).toEqual([{ credentials: null, credential_key: null, settings: {} }]);
    expect(await query('select 1 from oauth_grants where connection = $1', [connection.id])).toEqual([]);
    const asked = { account: person.id, action: 'cloud.credentials_purged', order: 'newest', limit: 10 };
    const { items } = await inside(gateway, ReadRecord).list(asked as never);
    expect(items.map(({ details }) => details)).toEqual([
      { providers: ['google-drive'], consents: { revoked: 1 }, unreached: [], houseUnreached: [] },
    ]);
  });
});

describe('a connection to a Google Drive that is removed', () => {
  it('is forgotten here; the consent is its owner’s to withdraw, and serves when it is connected anew', async () => {
    const { client, connection } = await withDrive();
    const revoked = heardOf('/revoke');
    expect((await client.send(`/api/cloud/connections/${connection.id}`, { method: 'DELETE' })).status).toBe(204);
    expect(heardOf('/revoke')).toBe(revoked);
    expect(await query('select 1 from oauth_grants where connection = $1', [connection.id])).toEqual([]);
    const again = await connectByConsent(gateway, google, client.token, {
      choice: { user: USER },
      provider: 'google-drive',
    });
    expect(again.id).not.toBe(connection.id);
    client[Symbol.dispose]();
  });
});
