import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDatabase, type TestDatabase } from '../../../test/support/database.js';
import { AuditRecord, type AuditEntry } from '../../audit/index.js';
import { noteFaults, Losses } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';
import { Metrics } from '../../health/index.js';
import { chunksByLossesLeft, faultsByKind, movesByReason, scrubAges, spooledShards } from './gateway-figures.store.js';
import { CountWeakChunks } from './count-weak-chunks.js';
import { countPart, nextToCount } from './weak-chunks.store.js';
import { durabilityBelow, filesAtRisk, leastParity, placesOfAccount, weakOfAccount } from './durability.store.js';

/** 1,000,000 in `npm run search:durability`. */
const CHUNKS = Number(process.env['DURABILITY_CHUNKS'] ?? 4_000);
/** 5,000 there. */
const STORM = Math.min(5_000, CHUNKS / 2);
const CHUNKS_EACH = 8;
/** Beside other tests a machine has other things to do. */
const SLACK = CHUNKS >= 1_000_000 ? 1 : 10;
const SEARCH_MINUTES = 20;

let postgres: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  postgres = await startDatabase();
  sql = postgres.database;
});
afterAll(() => postgres?.stop());

interface Account {
  readonly id: string;
  readonly connections: string[];
}

/** Files of eight chunks each under 2+1, a shard on each of three connections of the account; a fourth is empty. */
async function accountWith(chunks: number): Promise<Account> {
  const id = randomUUID();
  const connections = Array.from({ length: 4 }, () => randomUUID());
  await sql.execute(`insert into accounts (id, email, email_key, roles) values ($1, $2, $2, '{user}')`, [
    id,
    `${id}@example.org`,
  ]);
  for (const [nth, connection] of connections.entries()) {
    await sql.execute(
      `insert into connections (id, account, provider, label, identity, domain, folder, settings)
       values ($1, $2, 'local', $3, $4, $3, $4, '{}')`,
      [connection, id, `place ${nth}`, randomBytes(16).toString('hex')],
    );
  }
  const contents = Math.ceil(chunks / CHUNKS_EACH);
  const uuid = (what: string, number: string) => `md5('${id}' || '${what}' || ${number})::uuid`;
  await postgres.database.tx(async (tx) => {
    // What is made here fits together; checking that takes longer than making it.
    await tx.execute('set local session_replication_role = replica');
    await tx.execute(
      `insert into contents (account, id, state, account_key, wrapped_key, data, parity, size, chunks, manifest_header)
     select $1, ${uuid('content', 'n')}, 'published', $1, decode(repeat('00', 72), 'hex'), 2, 1, 1000, ${CHUNKS_EACH}, '' from generate_series(1, $2) n`,
      [id, contents],
    );
    await tx.execute(
      `insert into chunks (account, content, index, key_id, wrapped_key, length)
     select $1, ${uuid('content', 'n')}, i, ${uuid('key', "n || '/' || i")}, decode(repeat('00', 72), 'hex'), 100
     from generate_series(1, $2) n, generate_series(0, ${CHUNKS_EACH - 1}) i`,
      [id, contents],
    );
    const blob = uuid('blob', "n || '/' || i || '/' || s");
    await tx.execute(
      `insert into blobs (account, id, connection, name, length, state)
     select $1, ${blob}, ($3::uuid[])[s + 1], rpad(translate(md5(random()::text), '0189', 'wxyz'), 26, 'a'), 100, 'live'
     from generate_series(1, $2) n, generate_series(0, ${CHUNKS_EACH - 1}) i, generate_series(0, 2) s`,
      [id, contents, connections],
    );
    await tx.execute(
      `insert into shards (account, content, chunk, shard, blob, "offset", length, digest)
     select $1, ${uuid('content', 'n')}, i, s, ${blob}, 0, 100, decode(repeat('00', 32), 'hex')
     from generate_series(1, $2) n, generate_series(0, ${CHUNKS_EACH - 1}) i, generate_series(0, 2) s`,
      [id, contents],
    );
  });
  await sql.execute(`insert into nodes (account, id, kind, name, name_key) values ($1, $1, 'folder', '', '')`, [id]);
  await postgres.database.tx(async (tx) => {
    await tx.execute(
      `insert into nodes (account, id, parent, kind, name, name_key, head, head_size, head_type, head_modified_at)
     select $1, ${uuid('node', 'n')}, $1, 'file', 'file ' || n, 'file ' || n, ${uuid('version', 'n')}, 1000, 'x/y', now() from generate_series(1, $2) n`,
      [id, contents],
    );
    await tx.execute(
      `insert into versions (account, id, file, number, content, size, content_type, modified_at, created_at, account_key, mac, sealed_sha256)
     select $1, ${uuid('version', 'n')}, ${uuid('node', 'n')}, 1, ${uuid('content', 'n')}, 1000, 'x/y', now(), now(), $1, decode(repeat('00', 32), 'hex'), ''
     from generate_series(1, $2) n`,
      [id, contents],
    );
  });
  if (chunks > 1000) await sql.execute('analyze');
  return { id, connections };
}

interface Shard {
  content: string;
  chunk: number;
  shard: number;
  blob: string;
}
const shardsOf = ({ id }: Account, most: number): Promise<Shard[]> =>
  sql.query(
    'select content, chunk, shard, blob from shards where account = $1 order by content, chunk, shard limit $2',
    [id, most],
  );

const note = (account: Account, blobs: readonly string[], fault: 'missing' | 'damaged' = 'missing') =>
  noteFaults(
    sql,
    blobs.map((blob) => ({ account: account.id, blob })),
    fault,
  );
const count = () => new CountWeakChunks(postgres.database).run();

/** From the shards themselves, as nobody would count them in earnest. */
const weakInTruth = ({ id }: Account) =>
  sql.query(
    `select c.content, c.index as chunk, greatest(-1, count(s.shard) - 2)::int as survives from chunks c
     left join standing_shards s on s.account = c.account and s.content = c.content and s.chunk = c.index
     where c.account = $1 group by c.content, c.index having count(s.shard) < 3 order by 1, 2`,
    [id],
  );
const weakAsCounted = ({ id }: Account) =>
  sql.query('select content, chunk, survives::int as survives from weak_chunks where account = $1 order by 1, 2', [id]);

/** As repair does it, in one transaction. */
async function move({ id, connections }: Account, { content, chunk, shard, blob }: Shard): Promise<void> {
  const to = randomUUID();
  await postgres.database.tx(async (tx) => {
    await tx.execute(
      `insert into blobs (account, id, connection, name, length, state) values ($1, $2, $3, $4, 100, 'intended')`,
      [id, to, connections[3], 'abcdefghijklmnopqrstuvwxyz'],
    );
    await tx.execute(`update blobs set state = 'live' where account = $1 and id = $2`, [id, to]);
    await tx.execute('update shards set blob = $5 where account = $1 and content = $2 and chunk = $3 and shard = $4', [
      id,
      content,
      chunk,
      shard,
      to,
    ]);
    await tx.execute(`update blobs set state = 'condemned', condemned_at = now() where account = $1 and id = $2`, [
      id,
      blob,
    ]);
  });
}

const giveUp = (connection: string, lost: boolean) =>
  sql.execute(`update connections set given_up_at = case when $2 then now() end where id = $1`, [connection, lost]);

describe('the chunks that are known to be weak', () => {
  it('are those with fewer standing shards than were meant, whatever happens in whatever order', async () => {
    const shard = fc.nat(47);
    const step = fc.oneof(
      fc.record({ does: fc.constantFrom('missing', 'damaged', 'healed', 'moved'), shard }),
      fc.record({ does: fc.constantFrom('given up', 'taken back'), shard: fc.nat(2) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const account = await accountWith(16);
        for (const { does, shard: nth } of steps) {
          if (does === 'given up' || does === 'taken back') {
            await giveUp(account.connections[nth]!, does === 'given up');
            await count();
            continue;
          }
          const one = (await shardsOf(account, 48))[nth]!;
          if (does === 'moved') await move(account, one);
          else if (does !== 'healed') await note(account, [one.blob], does as 'missing');
          else
            await sql.execute('update blobs set fault = null, fault_at = null where account = $1 and id = $2', [
              account.id,
              one.blob,
            ]);
        }
        expect(await weakAsCounted(account)).toEqual(await weakInTruth(account));
      }),
      { numRuns: 12 },
    );
  });

  it('are counted once by two who find two faults of a chunk at one time', async () => {
    const account = await accountWith(8);
    const [first, second] = await shardsOf(account, 2);
    const held = Promise.withResolvers<void>();
    const noted = Promise.withResolvers<void>();
    const one = postgres.database.tx(async (tx) => {
      await noteFaults(tx, [{ account: account.id, blob: first!.blob }], 'missing');
      noted.resolve();
      await held.promise;
    });
    await noted.promise;
    const other = note(account, [second!.blob]);
    await waits();
    held.resolve();
    await Promise.all([one, other]);
    expect(await weakAsCounted(account)).toEqual([{ content: first!.content, chunk: 0, survives: -1 }]);
  });

  it('are whole again when two find at one time that two faults of a chunk are over', async () => {
    const account = await accountWith(8);
    const [first, second] = await shardsOf(account, 2);
    await note(account, [first!.blob, second!.blob]);
    const heal = (on: Sql, { blob }: Shard) =>
      on.execute('update blobs set fault = null, fault_at = null where account = $1 and id = $2', [account.id, blob]);
    const held = Promise.withResolvers<void>();
    const healed = Promise.withResolvers<void>();
    const one = postgres.database.tx(async (tx) => {
      await heal(tx, first!);
      healed.resolve();
      await held.promise;
    });
    await healed.promise;
    const other = heal(sql, second!);
    await waits();
    held.resolve();
    await Promise.all([one, other]);
    expect(await weakAsCounted(account)).toEqual([]);
  });

  it('are held by whoever counts one, before it is counted: two that were kept waiting do not both count without the other', async () => {
    const account = await accountWith(8);
    const [first, second] = await shardsOf(account, 2);
    await note(account, [first!.blob, second!.blob]);
    const heal = ({ blob }: Shard) =>
      sql.execute('update blobs set fault = null, fault_at = null where account = $1 and id = $2', [account.id, blob]);
    let both: Promise<unknown> = Promise.resolve();
    await postgres.database.tx(async (tx) => {
      await tx.query('select 1 from weak_chunks where account = $1 for update', [account.id]);
      both = Promise.all([heal(first!), heal(second!)]);
      await waits(2);
    });
    await both;
    expect(await weakAsCounted(account)).toEqual([]);
  });

  it('are counted anew from the first where a place has come to fail with another one while that was counted', async () => {
    const account = await accountWith(16);
    const [moved] = account.connections;
    const domain = (to: string) => sql.execute('update connections set domain = $2 where id = $1', [moved, to]);
    const ours = async () => (await nextToCount(sql))!;
    await domain('elsewhere');
    expect((await ours()).id).toBe(moved);
    await postgres.database.tx(async (tx) => void (await countPart(tx, await ours(), 8)));
    const rest = await ours();
    await domain('place 1');
    await postgres.database.tx(async (tx) => void (await countPart(tx, rest, 100)));
    await count();
    expect(await weakOfAccount(sql, account.id)).toEqual({ weakened: 16, unreadable: 0, survives: 0 });
  });

  it('are those, too, of which two shards have come to lie in what fails together', async () => {
    const account = await accountWith(8);
    const domain = (connection: string, to: string) =>
      sql.execute('update connections set domain = $2 where id = $1', [connection, to]);
    await domain(account.connections[0]!, 'place 1');
    await count();
    expect(await weakOfAccount(sql, account.id)).toEqual({ weakened: 8, unreadable: 0, survives: 0 });
    await domain(account.connections[0]!, 'elsewhere');
    await count();
    expect(await weakOfAccount(sql, account.id)).toEqual({ weakened: 0, unreadable: 0, survives: null });
  });

  it('are forgotten with their content', async () => {
    const account = await accountWith(8);
    const [first] = await shardsOf(account, 1);
    await note(account, [first!.blob]);
    await sql.execute(`update contents set state = 'erased', wrapped_key = null where account = $1`, [account.id]);
    expect(await weakAsCounted(account)).toEqual([]);
  });
});

/** So many wait for a lock that another has. */
async function waits(many = 1): Promise<void> {
  for (let waiting = 0; waiting < many;) {
    const rows = await sql.query<{ waiting: number }>(
      `select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    waiting = rows[0]!.waiting;
  }
}

describe('the figures of the whole gateway', () => {
  it('are read from the same tables', async () => {
    const account = await accountWith(8);
    const [first, second] = await shardsOf(account, 2);
    await note(account, [first!.blob], 'damaged');
    await sql.execute('update shards set home = $2 where account = $1 and blob = $3', [
      account.id,
      account.connections[3],
      second!.blob,
    ]);
    for (const connection of account.connections.slice(0, 2)) {
      await sql.execute(
        `insert into scrubs (connection, run, asked, reads, next_at, began_at) values ($1, $1, false, 'due', now(), now() - interval '1 hour')`,
        [connection],
      );
    }
    await sql.execute('update connections set account = null where id = $1', [account.connections[0]]);
    expect(await chunksByLossesLeft(sql)).toContainEqual({ survives: 0, chunks: expect.any(Number) as number });
    expect(await faultsByKind(sql)).toContainEqual({ fault: 'damaged', blobs: expect.any(Number) as number });
    expect(await movesByReason(sql)).toEqual([]);
    expect(await spooledShards(sql)).toBe(1);
    const ages = await scrubAges(sql);
    expect(ages.map(({ connection }) => connection)).toEqual(expect.arrayContaining([account.connections[0], null]));
    expect(Math.round(ages[0]!.seconds / 60)).toBe(60);
  });
});

describe('a storm of losses', () => {
  it('is told to the record in a few lines, and each is counted', async () => {
    const account = await accountWith(STORM);
    const told: AuditEntry[] = [];
    const record = { append: async (_: Sql, entry: AuditEntry) => void told.push(entry) } as unknown as AuditRecord;
    const losses = new Losses(postgres.database, record, new Metrics());
    const shards = (await shardsOf(account, 3 * STORM)).filter(({ shard }) => shard === 1);
    for (const { blob } of shards) losses.met({ account: account.id, blob, fault: 'missing' });
    // The same blob is met by every reader.
    for (const { blob } of shards) losses.met({ account: account.id, blob, fault: 'missing' });
    await losses.flush();
    expect(told.length).toBeLessThanOrEqual(5);
    expect(told[0]).toMatchObject({ account: account.id, action: 'shards.lost', subject: account.connections[1] });
    expect(told.reduce((sum, { details }) => sum + Number(details!['blobs']), 0)).toBe(STORM);
    expect(await weakOfAccount(sql, account.id)).toEqual({ weakened: STORM, unreadable: 0, survives: 0 });
  });
});

describe(`of an account with ${CHUNKS} chunks`, () => {
  /** What the whole answer takes. */
  async function asked({
    id,
  }: Account): Promise<{ ms: number; weak: Awaited<ReturnType<typeof weakOfAccount>>; files: number }> {
    const began = performance.now();
    await placesOfAccount(sql, id);
    await leastParity(sql, id);
    const weak = await weakOfAccount(sql, id);
    const files = weak.weakened === 0 ? [] : await filesAtRisk(sql, id, 100);
    return { ms: performance.now() - began, weak, files: files.length };
  }

  it(
    'is told within a tenth of a second how it stands when all is well, and within one when much is lost',
    async () => {
      const account = await accountWith(CHUNKS);
      await sql.execute('analyze');
      await asked(account);
      const well = await asked(account);
      const began = performance.now();
      await durabilityBelow(sql, account.id, account.id);
      const folderMs = performance.now() - began;
      await sql.execute(
        `update blobs set fault = 'missing', fault_at = now() where account = $1 and id in (select blob from shards where account = $1 and shard = 0 and chunk = 0 limit 5000)`,
        [account.id],
      );
      await asked(account);
      const weakened = await asked(account);
      await giveUp(account.connections[1]!, true);
      const uncounted = await asked(account);
      const countBegan = performance.now();
      for (let due = true; due;) {
        await count();
        const [row] = await sql.query<{ counted: boolean | null }>(
          'select counted_out as counted from connections where id = $1',
          [account.connections[1]],
        );
        due = row!.counted !== true;
      }
      const countMs = performance.now() - countBegan;
      await sql.execute('analyze weak_chunks');
      await asked(account);
      const lost = await asked(account);
      const rounded = Object.entries({
        well: well.ms,
        folder: folderMs,
        weakened: weakened.ms,
        uncounted: uncounted.ms,
        counting: countMs,
        lost: lost.ms,
      });
      console.log(CHUNKS, 'chunks, ms:', Object.fromEntries(rounded.map(([name, ms]) => [name, Math.round(ms)])));
      expect([well.weak.weakened, weakened.weak.weakened, lost.weak.weakened]).toEqual([
        0,
        Math.min(5_000, CHUNKS / CHUNKS_EACH),
        CHUNKS,
      ]);
      expect([lost.weak.survives, lost.files]).toEqual([-1, 100]);
      expect([well.ms < 100 * SLACK, weakened.ms < 1000 * SLACK, lost.ms < 1000 * SLACK]).toEqual([true, true, true]);
    },
    SEARCH_MINUTES * 60_000,
  );
});
