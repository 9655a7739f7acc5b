import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import type { Sql } from '../database/index.js';
import { abandonDraft } from './abandon.store.js';
import { dropChunksFrom } from './draft.store.js';
import { condemnBlobs, giveUpBlobs } from './erase-account.store.js';
import { eraseUnheld } from './erase.store.js';
import { newFaults } from './faults.store.js';
import { settleRemovedBlobs } from './leaving.store.js';
import { lockBlobs, noteListed, noteProved, noteUnlisted } from './scrubbing.store.js';
import { markGone, noteLooks } from './sweep.store.js';

const BLOBS = 40;

let postgres: TestDatabase;
beforeAll(async () => {
  postgres = await startDatabase();
});
afterAll(() => postgres?.stop());

interface Content {
  readonly account: string;
  readonly id: string;
  readonly connection: string;
  /** In the order of ids. */
  readonly blobs: readonly string[];
}

/** A content of one shard in each of many blobs, whose names and rows are in the opposite order of their ids. */
async function contentWith(state: 'open' | 'published', blob: 'live' | 'condemned' | 'gone'): Promise<Content> {
  const [account, id, connection] = [randomUUID(), randomUUID(), randomUUID()];
  const blobs = Array.from({ length: BLOBS }, () => randomUUID()).sort();
  const names = blobs.map((_, nth) => `${String.fromCharCode(122 - (nth % 26))}${randomBytes(16).toString('hex')}`);
  await postgres.database.tx(async (sql) => {
    await sql.execute('set local session_replication_role = replica');
    const manifest = state === 'published' ? [Buffer.alloc(0), 1, BLOBS] : [null, null, null];
    await sql.execute(
      `insert into contents (account, id, state, account_key, wrapped_key, data, parity, lease_until, manifest_header, size, chunks)
       values ($1, $2, $3, $1, decode(repeat('00', 72), 'hex'), 1, 0, now() + interval '1 hour', $4, $5, $6)`,
      [account, id, state, ...manifest],
    );
    await sql.execute(
      `insert into blobs (account, id, connection, name, length, state, condemned_at, looked_at)
       select $1, b.id, $2, b.name, 100, $5, case when $5 <> 'live' then now() end, case when $5 = 'gone' then now() - interval '1 day' end
       from unnest($3::uuid[], $4::text[]) as b(id, name)`,
      [account, connection, blobs.toReversed(), names.toReversed(), blob],
    );
    await sql.execute(
      `insert into shards (account, content, chunk, shard, blob, "offset", length, digest)
       select $1, $2, nth, 0, b, 0, 100, decode(repeat('00', 32), 'hex') from unnest($3::uuid[]) with ordinality as s(b, nth)`,
      [account, id, blobs.toReversed()],
    );
  });
  return { account, id, connection, blobs };
}

const given = ({ account, blobs }: Content) => blobs.toReversed().map((blob) => ({ account, blob }));
const dead = ({ account, connection, blobs }: Content) =>
  blobs.toReversed().map((id) => ({ account, id, connection, name: '' }));

/** Resolves when a statement of this database waits for a row. */
async function somebodyWaits(): Promise<void> {
  const text = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await postgres.database.query(text)).length === 0) await pause(5);
}

describe('whoever changes several blobs locks them in the order of their ids', () => {
  it.each<[string, (sql: Sql, content: Content) => Promise<unknown>, 'open'?, ('condemned' | 'gone')?]>([
    ['to look at some', (sql, content) => lockBlobs(sql, given(content))],
    ['that were listed', (sql, content) => noteListed(sql, given(content))],
    ['that were not', (sql, content) => noteUnlisted(sql, given(content))],
    ['that were proved', (sql, content) => noteProved(sql, given(content), 'reading')],
    ['that were lost', (sql, content) => newFaults(sql, given(content), 'missing')],
    ['that were deleted', (sql, content) => markGone(sql, dead(content)), undefined, 'condemned'],
    [
      'that were looked for',
      (sql, content) =>
        noteLooks(
          sql,
          dead(content).map((blob) => ({ blob, absent: true })),
          1,
        ),
      undefined,
      'gone',
    ],
    ['of an erased content', (sql, { account, id }) => eraseUnheld(sql, account, [id])],
    ['of an abandoned draft', (sql, draft) => abandonDraft(sql, draft), 'open'],
    ['of chunks that are sent anew', (sql, draft) => dropChunksFrom(sql, draft, 0), 'open'],
    [
      'of an erased account',
      (sql, { account, blobs }) => condemnBlobs(sql, account, '00000000-0000-0000-0000-000000000000', blobs.length),
    ],
    ['that nobody will reach', (sql, { account, connection }) => giveUpBlobs(sql, account, connection)],
    ['of a removed connection', (sql, { connection }) => settleRemovedBlobs(sql, connection, '', BLOBS)],
  ])('%s', async (_, change, state, blob) => {
    const content = await contentWith(state ?? 'published', blob ?? 'live');
    const [first, ...others] = content.blobs;
    const text = 'select id from blobs where account = $1 and id = any ($2::uuid[]) for no key update nowait';
    let changed: Promise<unknown> = Promise.resolve();
    await postgres.database.tx(async (sql) => {
      await sql.query(text, [content.account, [first]]);
      changed = postgres.database.tx((other) => change(other, content));
      await somebodyWaits();
      const free = await postgres.database.query(text, [content.account, others]);
      expect(free).toHaveLength(others.length);
    });
    await changed;
  });
});
