import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeBackup } from '../src/backup/make-backup.js';
import { restoreBackup } from '../src/backup/restore-backup.js';
import { rootKeysIn } from '../src/keys/index.js';
import { createDatabase, startDatabase, type TestDatabase } from './support/database.js';

/** `npm run search:backup` takes many, restores them too, and prints what it cost. */
const FILES = Number(process.env['BACKUP_FILES'] ?? 2_000);
const SEARCH = process.env['BACKUP_FILES'] !== undefined;
/** Pieces on their way, and what the compressor holds; not a table. */
const MOST_MEMORY = 96 * 2 ** 20;

/** Contents of one chunk, as 2+1: eight rows each. */
async function fill({ database }: TestDatabase, fingerprint: Buffer): Promise<void> {
  const [account, place] = [randomUUID(), randomUUID()];
  await database.query('insert into root_epochs (epoch, fingerprint) values (1, $1)', [fingerprint]);
  const wrapped = `decode(repeat(md5(n::text), 4) || repeat('0f', 8), 'hex')`;
  const digest = `decode(repeat(md5(n::text), 2), 'hex')`;
  const all = `generate_series(1, ${FILES}) n`;
  await database.query(
    `insert into contents (account, id, state, account_key, wrapped_key, data, parity, size, chunks, manifest_header)
     select $1, md5('c' || n)::uuid, 'published', $2, ${wrapped}, 2, 1, 1000000, 1, ${digest} from ${all}`,
    [account, place],
  );
  await database.query(
    `insert into chunks (account, content, index, key_id, wrapped_key, length)
     select $1, md5('c' || n)::uuid, 0, md5('k' || n)::uuid, ${wrapped}, 1000000 from ${all}`,
    [account],
  );
  for (const shard of [0, 1, 2]) {
    await database.query(
      `insert into blobs (account, id, connection, name, length, state)
       select $1, md5('b' || n || '.${shard}')::uuid, $2, translate(left(md5(n || '.${shard}'), 26), '0189', 'wxyz'), 500000, 'live'
       from ${all}`,
      [account, place],
    );
    await database.query(
      `insert into shards (account, content, chunk, shard, blob, "offset", length, digest)
       select $1, md5('c' || n)::uuid, 0, ${shard}, md5('b' || n || '.${shard}')::uuid, 0, 500000, ${digest} from ${all}`,
      [account],
    );
  }
}

async function measured<T>(what: string, work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  try {
    return await work();
  } finally {
    clearInterval(watch);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    const grown = Math.round((peak - before) / 2 ** 20);
    if (SEARCH)
      console.log(
        `${what}: ${seconds(performance.now() - began)} s, ${seconds((user + system) / 1000)} s of a core here, ${grown} MiB`,
      );
    expect(peak - before).toBeLessThan(MOST_MEMORY);
  }
}

it('a backup of many rows takes no memory for them', { timeout: SEARCH ? 3_600_000 : 30_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'large-'));
  await writeFile(join(folder, 'root.key'), `1 ${randomBytes(32).toString('base64')}\n`);
  const keys = (await rootKeysIn(join(folder, 'root.key')))!;
  const full = await startDatabase();
  try {
    await fill(full, keys[0]!.keys.fingerprint);
    const order = { connection: { connectionString: full.url }, root: keys[0]!, into: { folder } };
    const made = await measured('Made and proved', () => makeBackup(order));
    expect(made.rows).toBeGreaterThanOrEqual(FILES * 8);
    if (!SEARCH) return;
    console.log(`${made.rows} rows, ${(made.bytes / 2 ** 20).toFixed(1)} MiB`);
    const empty = await createDatabase({ migrated: false });
    const reach = async () => ({ connectionString: empty.url });
    const read = await measured('Restored', () => restoreBackup({ path: made.path, keys, where: 'here', reach }));
    expect(read.rows).toBe(made.rows);
    await empty.drop();
  } finally {
    await full.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
