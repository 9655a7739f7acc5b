import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import { Sweep } from '../src/upkeep/index.js';
import {
  type Asked,
  driveError,
  type GoogleDouble,
  type Misdeed,
  slowDown,
  startGoogle,
} from './doubles/google/index.js';
import { Client } from './support/client.js';
import { connectByConsent, googleSettings, tryToConnect } from './support/consent.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, upkeep } from './support/inside.js';
import { call, signIn } from './support/people.js';

const provider = 'google-drive';
const MiB = 1024 * 1024;
const plain = 'nobody at Google reads this';

let google: GoogleDouble;
let gateway: TestGateway;
let token: string;
let client: Client;
let connection: Connection;

beforeAll(async () => {
  google = await startGoogle();
  gateway = await startGateway({ environment: googleSettings(google) });
  token = await signIn(gateway);
  client = new Client(gateway, token);
  connection = await connectByConsent(gateway, google, token, { provider, query: '?label=My%20Drive' });
  await client.spread(1, 0, [connection.id]);
});

afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await google?.stop();
});

const kept = () => [...google.items().values()].filter(({ bytes }) => bytes !== null);
const shown = async () =>
  (await call(gateway, `/api/cloud/connections/${connection.id}`, { token })).json<Connection>();

const troubles: readonly Misdeed[] = [
  { kind: 'resets' },
  { kind: 'resets-after' },
  { kind: 'cuts', after: 100_000 },
  { kind: 'fails-after', status: 502 },
  { kind: 'answers', status: 503, body: driveError(503, 'backendError') },
  { kind: 'answers', status: 403, body: slowDown() },
  { kind: 'answers', status: 401, body: driveError(401, 'authError') },
];

/** Each in its turn; a token that was asked for is a matter of its own. */
function inTurn(): (asked: Asked) => Misdeed {
  let turn = 0;
  return ({ path }) =>
    path === '/token' ? { kind: 'drips', bytes: 1000, everyMs: 1 } : troubles[turn++ % troubles.length]!;
}

it('a Drive that is connected by consent is healthy, and is connected once', async () => {
  expect(connection).toMatchObject({ provider, label: 'My Drive', status: 'healthy', house: false });
  expect((await shown()).space?.total).toBe(15 * 2 ** 30);
  const again = await tryToConnect(gateway, google, token, { provider });
  expect(again.status).toBe(409);
});

it('files go there and come back while requests fail and tokens end, and nothing is readable or left', async () => {
  const sizes = [0, 1, 5000, 100_000, MiB, 4 * MiB + 7, 8 * MiB, 20 * MiB + 1];
  const files = sizes.map((size, index) => {
    const bytes = randomBytes(size);
    bytes.write(plain.slice(0, size));
    return { path: `file ${index}.bin`, bytes };
  });
  google.roughen({ share: 0.05, seed: 'gateway', choose: inTurn() });
  for (const [index, { path, bytes }] of files.entries()) {
    if (index % 3 === 0) google.expireAccessTokens();
    expect((await client.put(encodeURIComponent(path), bytes)).status, path).toBe(201);
  }
  google.expireAccessTokens();
  for (const { path, bytes } of files) {
    const read = await client.get(encodeURIComponent(path));
    expect(read.status, path).toBe(200);
    expect(read.body.equals(bytes), path).toBe(true);
  }
  const part = await client.get(encodeURIComponent(files.at(-1)!.path), { Range: 'bytes=9000000-9000999' });
  expect(part.body.equals(files.at(-1)!.bytes.subarray(9_000_000, 9_001_000))).toBe(true);
  google.roughen(null);
  for (const { bytes, name } of kept()) {
    expect(bytes!.includes(plain)).toBe(false);
    expect(name).toMatch(/^[0-9a-f]{12}$/);
  }
  for (const { path } of files) await client.remove(encodeURIComponent(path));
  expect((await client.send('/api/trash', { method: 'DELETE' })).status).toBeLessThan(300);
  for (let round = 0; round < 3; round += 1) {
    await upkeep(gateway);
    await inside(gateway, Sweep).run();
  }
  // The marker alone.
  expect(kept()).toHaveLength(1);
}, 120_000);

it('a folder in the trash makes the connection away, and taken out again it goes on', async () => {
  const bytes = randomBytes(200_000);
  expect((await client.put('kept.bin', bytes)).status).toBe(201);
  const folder = [...google.items().values()].find(({ name }) => /^[0-9a-f]{32}$/.test(name))!;
  google.trash(folder.id);
  expect((await client.put('lost.bin', bytes)).status).toBeGreaterThanOrEqual(500);
  google.trash(folder.id, false);
  expect((await client.get('kept.bin')).body.equals(bytes)).toBe(true);
}, 120_000);
