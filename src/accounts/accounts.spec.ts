import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UserChange } from '#contracts';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { AuditRecord } from '../audit/audit-record.js';
import { AuditWriter } from '../audit/audit-writer.js';
import { type Environment, readConfig } from '../config/index.js';
import type { Database } from '../database/index.js';
import { AccountHooks } from './account-hooks.js';
import { Accounts } from './accounts.js';
import { EmailTaken, LastAdmin, LinkUsed, WeakPassword } from './faults.js';
import { FirstAccount } from './first-account.js';
import { OneTimeLinks } from './one-time-links.js';
import { Passwords } from './passwords.js';
import { Remembered } from './remembered.js';
import { SetUp } from './set-up.js';

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await startDatabase();
  database = test.database;
});
afterAll(() => test?.stop());
beforeEach(async () => {
  await database.query('truncate accounts cascade');
  await database.query('truncate audit_inbox');
});

function build(environment: Environment = {}) {
  const config = readConfig({ PORT: '8080', ...environment }, () => true);
  const hooks = new AccountHooks();
  const record = new AuditRecord(new AuditWriter(database));
  const links = new OneTimeLinks(config);
  const passwords = new Passwords();
  const remembered = new Remembered();
  const accounts = new Accounts(database, hooks, record, links, passwords, remembered);
  const setUp = new SetUp(database, accounts, passwords, record, remembered);
  const first = new FirstAccount(database, config, accounts, links, passwords);
  return { hooks, accounts, setUp, first };
}

const someone = (roles: ('user' | 'admin' | 'auditor')[] = ['user']) => ({
  email: `${randomUUID()}@example.org`,
  roles,
});
const actor = randomUUID();
const password = 'a perfectly fine password';

describe('an account', () => {
  it('is made together with what other rooms make for it, or not at all', async () => {
    const { hooks, accounts } = build();
    const made: string[] = [];
    hooks.onAccountCreated(async (sql, id) => {
      const rows = await sql.query<{ email: string }>('select email from accounts where id = $1', [id]);
      made.push(rows[0]!.email);
      if (rows[0]!.email.startsWith('unlucky')) throw new Error('no room');
    });
    const user = await accounts.createByAdmin({ ...someone(), email: 'Ann@Example.org' }, actor);
    await expect(accounts.createByAdmin({ ...someone(), email: 'unlucky@example.org' }, actor)).rejects.toThrow(
      'no room',
    );
    expect(made).toEqual(['Ann@Example.org', 'unlucky@example.org']);
    expect((await accounts.list({ limit: 10 })).items.map((item) => item.id)).toEqual([user.id]);
  });

  it.each([
    ['ann@example.org', 'ANN@Example.ORG'],
    ['rene\u0301@example.org', 'ren\u00e9@example.org'],
  ])('is one, whether spelt %s or %s', async (one, other) => {
    const { accounts } = build();
    await accounts.createByAdmin({ ...someone(), email: one }, actor);
    await expect(accounts.createByAdmin({ ...someone(), email: other }, actor)).rejects.toBeInstanceOf(EmailTaken);
  });

  it('is listed by page and found by a part of its address, wildcards meaning themselves', async () => {
    const { accounts } = build();
    const emails = Array.from({ length: 25 }, (_, index) => `person${String(index).padStart(2, '0')}@example.org`);
    for (const email of [...emails, '100%_@example.org']) await accounts.createByAdmin({ ...someone(), email }, actor);
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await accounts.list({ limit: 10, cursor, search: 'PERSON' });
      found.push(...page.items.map((item) => item.email));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(found).toEqual(emails);
    expect((await accounts.list({ limit: 10, search: '%_' })).items.map((item) => item.email)).toEqual([
      '100%_@example.org',
    ]);
  });
});

describe('the last admin who can sign in', () => {
  it.each<[string, UserChange]>([
    ['gives up the role', { roles: ['user'] }],
    ['is disabled', { disabled: true }],
  ])('cannot be the one who %s', async (_, change) => {
    const { accounts } = build();
    const admin = await accounts.createByAdmin(someone(['admin']), actor);
    const other = await accounts.createByAdmin(someone(['admin', 'user']), actor);
    await accounts.change(other.id, change, admin.id);
    await expect(accounts.change(admin.id, change, admin.id)).rejects.toBeInstanceOf(LastAdmin);
    expect(await accounts.get(admin.id)).toMatchObject({ roles: ['admin'], disabled: false });
  });

  it('is left over, however many step down at once', async () => {
    const { accounts } = build();
    const admins = await Promise.all(
      Array.from({ length: 6 }, () => accounts.createByAdmin(someone(['admin']), actor)),
    );
    const outcomes = await Promise.allSettled(
      admins.map((admin, index) => accounts.change(admin.id, index % 2 ? { roles: [] } : { disabled: true }, admin.id)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });
});

describe('a link', () => {
  const tokenOf = (url: string) => new URL(url).hash.replace('#token=', '');

  it('to set a password works once, of all who try at the same moment', async () => {
    const { accounts, setUp } = build();
    const user = await accounts.createByAdmin(someone(), actor);
    const token = tokenOf(user.setPasswordLink!.url);
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => setUp.use({ token, password })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await accounts.get(user.id)).toMatchObject({ hasPassword: true });
  });

  it('is not used up by a password that is refused', async () => {
    const { accounts, setUp } = build();
    const user = await accounts.createByAdmin(someone(), actor);
    const token = tokenOf(user.setPasswordLink!.url);
    await expect(setUp.use({ token, password: 'password' })).rejects.toBeInstanceOf(WeakPassword);
    await expect(setUp.use({ token, password })).resolves.toMatchObject({ made: false });
  });

  it.each<[string, (accounts: Accounts, id: string) => Promise<unknown>]>([
    ['a newer one was made', (accounts, id) => accounts.change(id, { resetPassword: true }, actor)],
    ['its account was disabled', (accounts, id) => accounts.change(id, { disabled: true }, actor)],
    ['its time is over', () => database.query(`update one_time_links set expires_at = now()`)],
  ])('is worth nothing once %s', async (_, happen) => {
    const { accounts, setUp } = build();
    await accounts.createByAdmin(someone(['admin']), actor);
    const user = await accounts.createByAdmin(someone(), actor);
    await happen(accounts, user.id);
    const token = tokenOf(user.setPasswordLink!.url);
    await expect(setUp.use({ token, password })).rejects.toBeInstanceOf(LinkUsed);
  });

  it('is kept as a hash only', async () => {
    const { accounts } = build();
    const user = await accounts.createByAdmin(someone(), actor);
    const rows = await database.query<{ row: string }>('select one_time_links::text as row from one_time_links');
    const token = tokenOf(user.setPasswordLink!.url);
    expect(rows[0]!.row).not.toContain(token);
    expect(rows[0]!.row).not.toContain(Buffer.from(token).toString('hex'));
  });
});

describe('the first account', () => {
  it('is made from the settings, once, when two gateways start together', async () => {
    const settings = { TESSERA_ADMIN_EMAIL: 'first@example.org', TESSERA_ADMIN_PASSWORD: password };
    const gateways = [build(settings), build(settings)];
    await Promise.all(gateways.map(({ first }) => first.onApplicationBootstrap()));
    expect(gateways.map(({ first }) => first.welcome.kind).sort()).toEqual(['created', 'in-use']);
    const { items } = await gateways[0]!.accounts.list({ limit: 10 });
    expect(items).toMatchObject([{ email: 'first@example.org', roles: ['admin', 'user'], hasPassword: true }]);
  });

  it('is not touched by the settings once there is one', async () => {
    const { accounts } = build();
    await accounts.createByAdmin(someone(['admin']), actor);
    const { first } = build({ TESSERA_ADMIN_EMAIL: 'first@example.org', TESSERA_ADMIN_PASSWORD: password });
    await first.onApplicationBootstrap();
    expect([first.welcome.kind, (await accounts.list({ limit: 10 })).items.length]).toEqual(['in-use', 1]);
  });

  it('is otherwise made by whoever holds a link that some start printed; then all of them are used up', async () => {
    const gateways = [build(), build(), build()];
    const tokens: string[] = [];
    for (const { first } of gateways) {
      await first.onApplicationBootstrap();
      if (first.welcome.kind === 'link') tokens.push(first.welcome.token);
    }
    const { setUp, accounts } = gateways[0]!;
    const outcomes = await Promise.allSettled(
      tokens.map((token, index) => setUp.use({ token, email: `first${index}@example.org`, password })),
    );
    expect([tokens.length, outcomes.filter(({ status }) => status === 'fulfilled').length]).toEqual([3, 1]);
    expect((await accounts.list({ limit: 10 })).items).toMatchObject([{ roles: ['admin', 'user'] }]);
    for (const token of tokens) {
      await expect(setUp.use({ token, email: 'late@example.org', password })).rejects.toBeInstanceOf(LinkUsed);
    }
  });
});
