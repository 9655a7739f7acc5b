import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from './client.js';

/** A folder of this machine, connected as a local vault of the house, in a failure domain of its own. */
export interface TestPlace {
  readonly id: string;
  readonly path: string;
}

export interface TestPlaces extends AsyncDisposable {
  readonly all: TestPlace[];
  of(connection: string): TestPlace;
}

export async function connectPlaces(admin: Client, count: number): Promise<TestPlaces> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-places-'));
  const all: TestPlace[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    const path = join(folder, `place-${nth}`);
    await mkdir(path);
    const request = { label: `place ${nth}`, path, house: true, domain: `house ${nth}` };
    const made = await admin.json('POST', '/api/cloud/connections/local', request);
    if (made.status !== 201) throw new Error(`A place was not connected: ${made.status}`);
    all.push({ id: made.json<{ id: string }>().id, path });
  }
  return {
    all,
    of: (connection) => all.find(({ id }) => id === connection)!,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
