import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import type { Config } from '../config/index.js';
import { AccountKeyring } from './account-keyring.js';
import { RootEpochMissing, RootKeyUnusable } from './errors.js';
import { RootKeyring } from './root-keys.js';
import { RotateRoot } from './rotate-root.js';

const key = () => randomBytes(32).toString('base64');

let folder: string;
let place: TestDatabase;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-keys-'));
  file = join(folder, 'root.key');
  place = await startDatabase();
});
afterEach(async () => {
  await place.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A gateway's keys as it starts; what the file holds may be written first. */
async function start(lines?: Record<number, string>, external = true) {
  if (lines) {
    const text = Object.entries(lines).map(([epoch, base64]) => `${epoch} ${base64}\n`);
    await writeFile(file, text.join(''));
  }
  const config = { rootKeyFile: file, databaseUrl: external ? 'postgres://somewhere' : null } as unknown as Config;
  const roots = new RootKeyring(config, place.database);
  await roots.onModuleInit();
  return {
    roots,
    accounts: new AccountKeyring(roots, place.database),
    rotation: new RotateRoot(roots, place.database),
  };
}

async function newAccount(): Promise<string> {
  const id = randomUUIDv7();
  await place.database.execute(`insert into accounts (id, email, email_key, roles) values ($1, $2, $2, '{user}')`, [
    id,
    `${id}@example.org`,
  ]);
  return id;
}

const epochsInUse = async () =>
  (await place.database.query<{ epoch: number }>('select distinct root_epoch as epoch from account_keys')).map(
    ({ epoch }) => epoch,
  );

/** One line, which names the variable and the fault, and no key. */
async function refused(starting: Promise<unknown>, line: RegExp) {
  const error: unknown = await starting.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RootKeyUnusable);
  const { message } = error as Error;
  expect(message).toMatch(line);
  expect(message).toMatch(/^TESSERA_ROOT_KEY_FILE: [^\n]+$/);
}

describe('a start', () => {
  it('with the key that the database knows goes on, as often as one likes', async () => {
    const one = key();
    for (let turn = 0; turn < 3; turn += 1) expect((await start({ 1: one })).roots.currentEpoch).toBe(1);
  });

  it('with another key of the same epoch is refused', async () => {
    await start({ 1: key() });
    await refused(start({ 1: key() }), /epoch 1 is not the key that this database knows/);
  });

  it('without a file beside an external database is refused, and makes none', async () => {
    await refused(start(), /an external database needs one/);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('without a file beside a new embedded database makes a key that only its owner reads', async () => {
    const { roots } = await start(undefined, false);
    expect(roots.currentEpoch).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await start(undefined, false)).roots.current.fingerprint).toEqual(roots.current.fingerprint);
  });

  it('whose file is gone is refused, and makes no new key beside what is sealed', async () => {
    await start(undefined, false);
    await rm(file);
    await refused(start(undefined, false), /the database was made with one/);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('without a file beside a database that has accounts is refused', async () => {
    await newAccount();
    await refused(start(undefined, false), /the database was made with one/);
  });

  it('without the newest epoch, or one that is still in use, is refused', async () => {
    const [one, two] = [key(), key()];
    const { accounts } = await start({ 1: one });
    await accounts.current(await newAccount());
    await refused(start({ 2: two }), /lacks epoch 1/);
    await start({ 1: one, 2: two });
    await refused(start({ 1: one }), /lacks epoch 2/);
    await refused(start({ 2: two }), /lacks epoch 1, which this database still needs/);
  });

  it('with an unknown epoch below the current one is refused', async () => {
    const two = key();
    await start({ 2: two });
    await refused(start({ 1: key(), 2: two }), /epoch 1 is not the key/);
  });

  it.each<[string, string]>([
    ['nonsense', 'nonsense'],
    ['an epoch twice', `1 ${'A'.repeat(43)}=\n1 ${'B'.repeat(43)}=`],
    ['nothing', ''],
  ])('with a file of %s is refused', async (_, text) => {
    await writeFile(file, text);
    await refused(start(), /./);
  });

  it('of two gateways at once takes a new epoch once', async () => {
    const [one, two] = [key(), key()];
    await start({ 1: one });
    await writeFile(file, `1 ${one}\n2 ${two}\n`);
    const all = await Promise.all([start(), start(), start(), start()]);
    expect(all.map(({ roots }) => roots.currentEpoch)).toEqual([2, 2, 2, 2]);
    const rows = await place.database.query('select epoch from root_epochs order by epoch');
    expect(rows).toEqual([{ epoch: 1 }, { epoch: 2 }]);
  });
});

describe('a new epoch in the file', () => {
  it('re-wraps every account key, what was sealed before opens, and the old epoch may go', async () => {
    const [one, two] = [key(), key()];
    const before = await start({ 1: one });
    const owners = await Promise.all(Array.from({ length: 250 }, newAccount));
    const content = randomUUIDv7();
    const sealed = await Promise.all(owners.map((owner) => before.accounts.newContentKey(owner, content)));
    const during = await start({ 1: one, 2: two });
    expect(await epochsInUse()).toEqual([1]);
    await during.rotation.run();
    expect(await epochsInUse()).toEqual([2]);
    await during.rotation.run();
    const after = await start({ 2: two });
    for (const [nth, owner] of owners.entries()) {
      const { accountKey, wrapped, keys } = sealed[nth]!;
      const opened = await after.accounts.openContentKey(owner, content, { accountKey, wrapped });
      expect(opened.manifest.bytes().equals(keys.manifest.bytes())).toBe(true);
    }
  });

  it('wraps new account keys from then on', async () => {
    const [one, two] = [key(), key()];
    await start({ 1: one });
    const { accounts } = await start({ 1: one, 2: two });
    await accounts.current(await newAccount());
    expect(await epochsInUse()).toEqual([2]);
  });

  it('that another gateway took is missed here in clear words, and passes', async () => {
    const [one, two] = [key(), key()];
    const old = await start({ 1: one });
    const owner = await newAccount();
    const { accounts } = await start({ 1: one, 2: two });
    const { id } = await accounts.current(owner);
    await expect(old.accounts.byId(owner, id)).rejects.toBeInstanceOf(RootEpochMissing);
    await expect(old.accounts.byId(owner, id)).rejects.toMatchObject({ retriable: true });
  });
});

describe('account keys', () => {
  it('are one for each account, also when many ask first at once', async () => {
    const { accounts } = await start({ 1: key() });
    const owner = await newAccount();
    const found = await Promise.all(Array.from({ length: 20 }, () => accounts.current(owner)));
    expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    const rows = await place.database.query('select 1 from account_keys where account = $1', [owner]);
    expect(rows).toHaveLength(1);
  });

  it('do not open another account’s content, nor this account’s other one', async () => {
    const { accounts } = await start({ 1: key() });
    const [mine, theirs, content] = [await newAccount(), await newAccount(), randomUUIDv7()];
    const { accountKey, wrapped } = await accounts.newContentKey(mine, content);
    const other = await accounts.current(theirs);
    await expect(accounts.openContentKey(theirs, content, { accountKey: other.id, wrapped })).rejects.toThrow();
    await expect(accounts.openContentKey(mine, randomUUIDv7(), { accountKey, wrapped })).rejects.toThrow();
    await expect(accounts.openContentKey(mine, content, { accountKey, wrapped })).resolves.toBeDefined();
    await expect(accounts.openContentKey(mine, content, { accountKey, wrapped: null })).rejects.toThrow('destroyed');
  });
});
