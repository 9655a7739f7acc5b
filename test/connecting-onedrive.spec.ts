import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, FolderList } from '#contracts';
import { type ConsentChoice, type MicrosoftDouble, startMicrosoftDouble } from './doubles/microsoft/index.js';
import { Client } from './support/client.js';
import { begin, bringBack } from './support/consent.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { type Answer, call, signIn } from './support/people.js';

const hourMs = 3_600_000;
const ada = 'ada@example.com';

let microsoft: MicrosoftDouble;
let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  microsoft = await startMicrosoftDouble();
  gateway = await startGateway({
    environment: {
      MICROSOFT_CLIENT_ID: microsoft.clientId,
      MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
      TESSERA_MICROSOFT_ORIGIN: microsoft.origin,
    },
  });
  token = await signIn(gateway);
});
afterAll(async () => {
  await gateway?.stop();
  await microsoft?.stop();
});

async function consent(query: string, choice: ConsentChoice = {}): Promise<Answer> {
  const begun = await begin(gateway, token, query, 'onedrive');
  const back = await microsoft.consent(begun.url, choice);
  return bringBack(gateway, new URL(back), { Cookie: begun.cookie });
}

async function storeIn(connection: Connection): Promise<void> {
  const body = { data: 1, parity: 0, connections: [connection.id] };
  expect((await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body })).status).toBe(200);
}

const shown = async ({ id }: Connection) =>
  (await call(gateway, `/api/cloud/connections/${id}`, { token })).json<Connection>();

describe('Connecting a OneDrive', () => {
  let connection: Connection;
  const content = randomBytes(5_000_000);

  it('says which consent it takes, where Microsoft refuses the narrow one, and keeps nothing', async () => {
    microsoft.ways.graph.appFolderBroken = true;
    const answer = await consent('?label=Ada');
    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ type: 'connection-test-failed' });
    expect(answer.text).toContain('All files');
    expect(microsoft.files(ada)).toEqual([]);
  });

  it('works with the wider one, and keeps to the folder of the application', async () => {
    const answer = await consent('?label=Ada&consent=all-files');
    expect(answer.status).toBe(201);
    connection = answer.json<Connection>();
    expect(connection).toMatchObject({ provider: 'onedrive', label: 'Ada', status: 'healthy' });
    expect(microsoft.files(ada).map(({ path }) => path)).toEqual([expect.stringMatching(/^[0-9a-f]{32}\/marker$/)]);
    expect([...microsoft.drive(ada).root.children.keys()]).toEqual(['apps']);
  });

  it('is refused for an account that is connected already', async () => {
    expect((await consent('?consent=all-files')).status).toBe(409);
  });

  it('stores a file there, and gives it back, whatever becomes of answers', async () => {
    await storeIn(connection);
    using client = new Client(gateway, token);
    microsoft.script(
      { about: /PUT \S*\/up\//, nth: 1, does: { kind: 'resets-after' } },
      { about: '/dl/', nth: 1, does: { kind: 'breaks', after: 100_000 } },
    );
    expect((await client.put('film.bin', content)).status).toBe(201);
    expect((await client.get('film.bin')).body.equals(content)).toBe(true);
    microsoft.script();
    expect(microsoft.bytes.tokensSeen).toBe(0);
    const blobs = microsoft.files(ada).filter(({ path }) => !path.endsWith('marker'));
    expect(blobs.map(({ path }) => path)).toEqual(
      blobs.map(() => expect.stringMatching(/^[0-9a-f]{32}\/[a-z2-7]{2}\/[a-z2-7]{26}$/)),
    );
  });

  it('goes on when tokens expire before their time, by fetching one new one', async () => {
    const before = microsoft.accounts.refreshes;
    microsoft.accounts.expireAccessTokens();
    using client = new Client(gateway, token);
    const puts = Array.from({ length: 8 }, (_, index) => client.put(`note-${index}`, Buffer.from('a note')));
    expect((await Promise.all(puts)).map(({ status }) => status)).toEqual(puts.map(() => 201));
    expect(microsoft.accounts.refreshes).toBe(before + 1);
  });

  it('shows the folders of the drive', async () => {
    microsoft.drive(ada).makeFolder(microsoft.drive(ada).root, 'Holidays', 'fail');
    const list = await call(gateway, `/api/cloud/folders/onedrive/root?connection=${connection.id}`, { token });
    expect(list.json<FolderList>().items.map(({ name }) => name)).toContain('Holidays');
  });

  it('asks for reconnection when the consent was revoked, and has everything again afterwards', async () => {
    microsoft.advance(hourMs);
    microsoft.accounts.revoke(ada);
    using client = new Client(gateway, token);
    expect((await client.get('film.bin')).status).toBe(503);
    expect(await shown(connection)).toMatchObject({ status: 'needs-reconnect' });
    microsoft.advance(1000);
    expect((await consent(`?consent=all-files&reconnect=${connection.id}`)).status).toBe(201);
    expect(await shown(connection)).toMatchObject({ status: 'healthy' });
    expect((await client.get('film.bin')).body.equals(content)).toBe(true);
  });

  it('connects a firm’s one beside it, with the folder alone', async () => {
    microsoft.ways.graph.appFolderBroken = false;
    const answer = await consent('?label=Grace', { user: 'grace@firm.example' });
    expect(answer.status).toBe(201);
    expect(answer.json()).toMatchObject({ status: 'healthy', domain: expect.stringContaining('microsoft') });
  });
});
