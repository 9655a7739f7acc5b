import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { readConfig } from '../../src/config/index.js';
import { startGateway } from '../../src/gateway.js';
import { Client } from '../support/client.js';
import { createDatabase } from '../support/database.js';
import { FIRST_ACCOUNT, type GatewayProcess, spawnGateway, type TestGateway } from '../support/gateway.js';
import { signIn } from '../support/people.js';

/** Small, so that a small body has several chunks. */
export const CHUNK = 64 * 1024;

/** A database and a data folder that gateways come and go on. */
export interface Site {
  readonly databaseUrl: string;
  readonly dataFolder: string;
  /** Where further vaults may lie, which are copied with the site. */
  readonly places: string;
  remove(): Promise<void>;
}

export interface PreparedSite extends Site {
  /** Of the first account, who is signed in. */
  readonly token: string;
}

/** A site whose gateway has done some work and was stopped: what every run begins with. */
export async function prepareSite(
  work: (client: Client, site: Site) => Promise<void>,
  options: { databaseUrl?: string } = {},
): Promise<PreparedSite> {
  const given = options.databaseUrl;
  const database = given === undefined ? await createDatabase() : { url: given, drop: async () => {} };
  const dataFolder = await mkdtemp(join(tmpdir(), 'tessera-site-'));
  await writeFile(join(dataFolder, 'root.key'), `1 ${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const site: Site = {
    databaseUrl: database.url,
    dataFolder,
    places: placesOf(dataFolder),
    async remove() {
      await database.drop();
      await removeFolders(dataFolder);
    },
  };
  const gateway = await startHere(site);
  const token = await signIn(gateway);
  using client = new Client(gateway, token);
  await work(client, site);
  await gateway.stop();
  return { ...site, token };
}

/** The same site once more, elsewhere. Nobody may be connected to the first one. */
export async function copySite(site: Site): Promise<Site> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'tessera-site-'));
  const places = placesOf(dataFolder);
  await cp(site.dataFolder, dataFolder, { recursive: true });
  if (existsSync(site.places)) await cp(site.places, places, { recursive: true });
  const name = `crash_${randomBytes(8).toString('hex')}`;
  const url = new URL(site.databaseUrl);
  const template = url.pathname.slice(1);
  url.pathname = `/${name}`;
  await query(elsewhere(site), `create database ${name} template ${template} strategy file_copy`);
  await query(
    url.href,
    `update connections set identity = replace(identity, $1, $2),
       settings = jsonb_build_object('path', replace(settings ->> 'path', $1, $2)) where account is null`,
    [site.dataFolder, dataFolder],
  );
  // What an account has of its own lies beside the house's vault here, so that it is copied with it.
  await query(
    url.href,
    `update connections set identity = $1, settings = jsonb_build_object('path', $1::text) where account is not null`,
    [join(dataFolder, 'own')],
  );
  return {
    databaseUrl: url.href,
    dataFolder,
    places,
    async remove() {
      await query(elsewhere(site), `drop database if exists ${name} with (force)`);
      await removeFolders(dataFolder);
    },
  };
}

/** Its name begins as the data folder's does, so that one replacement moves both. */
function placesOf(dataFolder: string): string {
  return `${dataFolder}-places`;
}

async function removeFolders(dataFolder: string): Promise<void> {
  for (const folder of [dataFolder, placesOf(dataFolder)]) await rm(folder, { recursive: true, force: true });
}

/** The gateway in this process. */
export async function startHere(site: Site): Promise<TestGateway> {
  const gateway = await startGateway(readConfig(environmentOf(site, 0)));
  const { app, port } = gateway;
  return { app, url: `http://127.0.0.1:${port}`, ...site, stop: () => gateway.stop() };
}

/** The gateway in a process of its own that can be told to die at a boundary. */
export async function spawnWithRecorder(
  site: Site,
  marks: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const recorder = new URL('recorder.mjs', import.meta.url).href;
  const environment = { NODE_OPTIONS: `--import=${recorder}`, ...marks };
  // Below those that systems give to clients: with hundreds of gateways, one of them would find its port taken.
  const port = randomInt(10_000, 30_000);
  const { dataFolder } = site;
  return spawnGateway({ dataFolder, environment: { ...environmentOf(site, port), ...environment } });
}

export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** A database of the same server that nobody copies or drops. */
function elsewhere(site: Site): string {
  const url = new URL(site.databaseUrl);
  url.pathname = '/postgres';
  return url.href;
}

function environmentOf(site: Site, port: number): Record<string, string> {
  return {
    PORT: String(port),
    DATABASE_URL: site.databaseUrl,
    TESSERA_DATA: site.dataFolder,
    TESSERA_PUBLIC_URL: `http://127.0.0.1:${port}`,
    TESSERA_ADMIN_EMAIL: FIRST_ACCOUNT.email,
    TESSERA_ADMIN_PASSWORD: FIRST_ACCOUNT.password,
    TESSERA_CHUNK_BYTES: String(CHUNK),
    TESSERA_LOG_LEVEL: 'error',
  };
}
