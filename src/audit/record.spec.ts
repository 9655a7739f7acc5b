import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditQuery } from '#contracts';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import type { Database } from '../database/index.js';
import { AuditRecord } from './audit-record.js';
import { AuditWriter } from './audit-writer.js';
import type { AuditEntry } from './entry.js';
import { ReadRecord } from './read-record.js';

let test: TestDatabase;
let database: Database;
let writer: AuditWriter;
let record: AuditRecord;
let reader: ReadRecord;

beforeAll(async () => {
  test = await startDatabase();
  database = test.database;
  writer = new AuditWriter(database);
  record = new AuditRecord(writer);
  reader = new ReadRecord(database, writer);
});
afterAll(() => test.stop());
beforeEach(() =>
  tampering([
    'truncate audit_chain',
    'truncate audit_inbox',
    `update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex')`,
  ]),
);

const tell = (...entries: AuditEntry[]) =>
  database.tx(async (sql) => {
    for (const entry of entries) await record.append(sql, entry);
  });

/** What somebody with the database's own rights can do. */
async function tampering(statements: readonly string[]): Promise<void> {
  await database.tx(async (sql) => {
    await sql.query(`set local session_replication_role = replica`);
    for (const statement of statements) await sql.query(statement);
  });
}

const list = (query: Partial<AuditQuery> = {}) => reader.list({ limit: 100, order: 'oldest', ...query });

async function fill(count: number): Promise<void> {
  const accounts = [randomUUID(), randomUUID(), randomUUID()];
  await tell(
    ...Array.from({ length: count }, (_, index) => ({
      actor: accounts[index % 3],
      account: accounts[index % 3],
      action: 'sign-in.ok',
      subject: `session ${index}`,
      details: { index },
    })),
  );
  await writer.flush();
}

describe('the record', () => {
  it('holds an entry if and only if its transaction was committed', async () => {
    await tell({ action: 'kept' });
    await expect(
      database.tx(async (sql) => {
        await record.append(sql, { action: 'undone' });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect((await list()).items.map((row) => row.action)).toEqual(['kept']);
  });

  it('numbers its rows without gaps, also when several writers chain at once', async () => {
    const writers = [writer, new AuditWriter(database), new AuditWriter(database)];
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await tell({ action: 'one', details: { index } }, { action: 'two', details: { index } });
        await writers[index % 3]!.flush();
      }),
    );
    const { items } = await list();
    expect(items.map((row) => row.seq)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(await reader.verify()).toMatchObject({ ok: true, rows: 60 });
  });

  it('does not let an entry wait for a slow transaction beside it', async () => {
    await database.tx(async (slow) => {
      await record.append(slow, { action: 'slow' });
      await tell({ action: 'quick' });
      expect((await list()).items.map((row) => row.action)).toEqual(['quick']);
    });
    expect((await list()).items.map((row) => row.action)).toEqual(['quick', 'slow']);
  });

  it('chains by itself, soon', async () => {
    const background = new AuditWriter(database);
    background.onApplicationBootstrap();
    await database.tx((sql) => new AuditRecord(background).append(sql, { action: 'by-itself' }));
    await expect.poll(async () => (await database.query('select 1 from audit_chain')).length).toBe(1);
    await background.onModuleDestroy();
  });

  it('is read by page, action, actor, account and time, from either end', async () => {
    const [ann, bob] = [randomUUID(), randomUUID()];
    await tell(
      { action: 'sign-in.ok', actor: ann, account: ann },
      { action: 'sign-in.refused', account: bob },
      { action: 'sign-out', actor: ann, account: ann },
      { action: 'account.changed', actor: ann, account: bob },
    );
    const actions = async (query: Partial<AuditQuery>) => (await list(query)).items.map((row) => row.action);
    expect(await actions({ action: 'sign-in' })).toEqual(['sign-in.ok', 'sign-in.refused']);
    expect(await actions({ actor: ann, account: bob })).toEqual(['account.changed']);
    expect(await actions({ order: 'newest', limit: 2 })).toEqual(['account.changed', 'sign-out']);
    expect(await actions({ to: '2001-01-01T00:00:00Z' })).toEqual([]);
    const first = await list({ limit: 3 });
    const second = await list({ limit: 3, cursor: first.nextCursor });
    expect([first.items.length, second.items.map((row) => row.action), second.nextCursor]).toEqual([
      3,
      ['account.changed'],
      undefined,
    ]);
  });

  it.each([
    ['update', 'update audit_chain set subject = $$x$$'],
    ['an update of one partition', 'update audit_chain_p3 set subject = $$x$$'],
    ['delete', 'delete from audit_chain'],
    ['truncate', 'truncate audit_chain'],
    ['the truncation of one partition', 'truncate audit_chain_p0'],
  ])('refuses %s', async (_, statement) => {
    await fill(3);
    await expect(database.query(statement)).rejects.toThrow('append-only');
  });
});

describe('the check of the chain', () => {
  it('is content with an empty record and with an untouched one', async () => {
    expect(await reader.verify()).toMatchObject({ ok: true, rows: 0 });
    await fill(2500);
    expect(await reader.verify()).toMatchObject({ ok: true, rows: 2500, head: { seq: 2500 } });
  });

  it.each([
    ['at', `at = at + interval '1 microsecond'`],
    ['at, without end', `at = 'infinity'`],
    ['account', `account = gen_random_uuid()`],
    ['actor', `actor = gen_random_uuid()`],
    ['actor, to nobody', `actor = null`],
    ['action', `action = 'sign-in.refused'`],
    ['subject', `subject = 'session 7'`],
    ['subject, to none', `subject = null`],
    ['details', `details = '{"index":7}'`],
    ['details, to another spelling of the same', `details = '{"index": 4}'`],
    ['prev_hash', `prev_hash = decode(repeat('ab', 32), 'hex')`],
    ['hash', `hash = decode(repeat('ab', 32), 'hex')`],
  ])('names the row whose column was changed: %s', async (_, change) => {
    await fill(9);
    await tampering([`update audit_chain set ${change} where seq = 5`]);
    expect(await reader.verify()).toMatchObject({ ok: false, rows: 4, brokenAt: { seq: 5 } });
  });

  it.each([
    ['taken out', [`delete from audit_chain where seq = 5`], 5],
    ['taken out at the front', [`delete from audit_chain where seq = 1`], 1],
    ['taken out at the end', [`delete from audit_chain where seq = 9`], 9],
    ['all taken out', [`truncate audit_chain`], 1],
    ['moved away', [`update audit_chain set seq = 5000000000000000000 where seq = 5`], 5],
    [
      'swapped with another',
      [
        `update audit_chain set seq = 999 where seq = 3`,
        `update audit_chain set seq = 3 where seq = 6`,
        `update audit_chain set seq = 6 where seq = 999`,
      ],
      3,
    ],
    [
      'made twice',
      [
        `insert into audit_chain select gen_random_uuid(), seq, at, actor, action, subject, details, prev_hash, hash
         from audit_chain where seq = 5`,
      ],
      expect.any(Number),
    ],
    [
      'cut off, and the head with it to a wrong place',
      [`delete from audit_chain where seq > 7`, `update audit_head set seq = 7`],
      7,
    ],
    [
      'put in behind the head',
      [
        `insert into audit_chain select account, 10, at, actor, action, subject, details, hash, hash
         from audit_chain where seq = 9`,
      ],
      10,
    ],
  ])('notices a row that was %s', async (_, statements, seq) => {
    await fill(9);
    await tampering(statements);
    expect(await reader.verify()).toMatchObject({ ok: false, brokenAt: { seq } });
  });

  it('notices a row made twice where one page of the check ends and the next begins', async () => {
    await fill(1001);
    await tampering([
      `insert into audit_chain select 'ffffffff-ffff-ffff-ffff-ffffffffffff', seq, at, actor, action, subject, details, prev_hash, hash
       from audit_chain where seq = 1000`,
    ]);
    expect(await reader.verify()).toMatchObject({ ok: false });
  });
});
