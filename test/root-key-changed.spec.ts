import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SignInAnswer } from '#contracts';
import { Client } from './support/client.js';
import { FIRST_ACCOUNT, spawnGateway } from './support/gateway.js';
import { call } from './support/people.js';

let dataFolder: string;
let keyFile: string;
beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'tessera-root-key-'));
  keyFile = join(dataFolder, 'root.key');
});
afterAll(() => rm(dataFolder, { recursive: true, force: true }));

const body = randomBytes(100_000);

async function marker(): Promise<string> {
  const vault = join(dataFolder, 'vault');
  const [folder] = await readdir(vault);
  return await readFile(join(vault, folder!, 'marker'), 'hex');
}

/** Starts, works with a signed-in client, stops. */
async function whileRunning(work: (client: Client) => Promise<void>): Promise<void> {
  const gateway = await spawnGateway({ dataFolder });
  try {
    await gateway.ready();
    const { token } = (await call(gateway, '/api/auth/login', { body: FIRST_ACCOUNT })).json<SignInAnswer>();
    using client = new Client(gateway, token);
    await work(client);
  } finally {
    await gateway.stop();
  }
}

async function failsWith(line: RegExp): Promise<void> {
  const gateway = await spawnGateway({ dataFolder });
  expect(await gateway.ended()).toBe(1);
  const said = gateway.output();
  expect(said).toMatch(line);
  const complaints = said.split('\n').filter((text) => text.includes('TESSERA_ROOT_KEY_FILE'));
  expect(complaints).toHaveLength(1);
}

it('a new root key takes over, files stay readable; a wrong or missing one stops the start', async () => {
  const two = `2 ${randomBytes(32).toString('base64')}\n`;
  await whileRunning(async (client) => {
    expect((await client.put('old', body)).status).toBe(201);
  });
  const [one, oldMarker] = [await readFile(keyFile, 'utf8'), await marker()];

  await writeFile(keyFile, one + two);
  await whileRunning(async (client) => {
    expect((await client.get('old')).body.equals(body)).toBe(true);
    expect((await client.put('new', body)).status).toBe(201);
    // Upkeep seals the vault's marker anew; from then on nothing is left under the first epoch.
    await expect.poll(marker, { timeout: 20_000 }).not.toEqual(oldMarker);
  });
  await writeFile(keyFile, two);
  await whileRunning(async (client) => {
    for (const path of ['old', 'new']) expect((await client.get(path)).body.equals(body)).toBe(true);
  });

  await writeFile(keyFile, `2 ${randomBytes(32).toString('base64')}\n`);
  await failsWith(/TESSERA_ROOT_KEY_FILE: epoch 2 is not the key that this database knows/);
  await writeFile(keyFile, one);
  await failsWith(/TESSERA_ROOT_KEY_FILE: lacks epoch 2/);
  await rm(keyFile);
  await failsWith(/TESSERA_ROOT_KEY_FILE: there is no file at this path/);
  await expect(readFile(keyFile)).rejects.toThrow('ENOENT');

  await writeFile(keyFile, two);
  await whileRunning(async (client) => {
    expect((await client.get('old')).body.equals(body)).toBe(true);
  });
});
