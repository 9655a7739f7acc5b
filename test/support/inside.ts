import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Abstract, Type } from '@nestjs/common';
import pg from 'pg';
import { UpkeepOfHomes } from '../../src/upkeep/homes/upkeep-of-homes.js';
import { UpkeepRounds } from '../../src/upkeep/index.js';
import { DailyScrub } from '../../src/upkeep/scrub/daily-scrub.js';
import type { TestGateway } from './gateway.js';

/** A room's service of a gateway in the test's own process. */
export function inside<T>(gateway: TestGateway, service: Type<T> | Abstract<T>): T {
  return gateway.app.get<T>(service as Type<T>, { strict: false });
}

/** One round of upkeep, now. */
export function upkeep(gateway: TestGateway): Promise<void> {
  return inside(gateway, UpkeepRounds).run();
}

/** From now on nothing of upkeep happens by itself; jobs that are asked for do. */
export async function standStill(gateway: TestGateway): Promise<void> {
  const looking = [inside(gateway, UpkeepRounds), inside(gateway, DailyScrub), inside(gateway, UpkeepOfHomes)];
  for (const one of looking) await one.onApplicationShutdown();
}

/** The gateway's database as whoever can change its rows has it. */
export async function intruder(gateway: Pick<TestGateway, 'databaseUrl'>): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: gateway.databaseUrl });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** Paths of all blobs that lie in a local vault, by name; half-written ones are not among them. */
export async function blobsOnDisk(vault: string): Promise<Map<string, string>> {
  const entries = await readdir(vault, { recursive: true, withFileTypes: true });
  const blobs = entries.filter((entry) => entry.isFile() && /^[a-z2-7]{26}$/.test(entry.name));
  return new Map(blobs.map((entry) => [entry.name, join(entry.parentPath, entry.name)]));
}

/** What waits half-written in a vault, or sealed on its way to one. */
export async function halfWritten(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && /\/staging(\/|$)/.test(entry.parentPath)).map(({ name }) => name);
}

export const vaultOf = (gateway: Pick<TestGateway, 'dataFolder'>): string => join(gateway.dataFolder, 'vault');
