import type { AuditQuery } from '#contracts';
import type { Sql } from '../database/index.js';
import type { ChainedRow } from './chain.js';
import type { WrittenEntry } from './entry.js';

export interface Head {
  readonly seq: number;
  readonly hash: Buffer;
}

export interface WaitingRow extends WrittenEntry {
  readonly id: number;
  readonly at: string;
}

const MICROSECONDS = `case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint::text else at::text end as at`;
const CHAINED = `seq::text, ${MICROSECONDS}, account, actor, action, subject, details, prev_hash, hash`;

export async function putIntoInbox(sql: Sql, entry: WrittenEntry): Promise<void> {
  await sql.prepared(
    'audit-append',
    'insert into audit_inbox (actor, account, action, subject, details) values ($1, $2, $3, $4, $5)',
    [entry.actor, entry.account, entry.action, entry.subject, entry.details],
  );
}

/** Locks the head for this transaction. Null where another writer holds it and `wait` is false. */
export async function lockHead(sql: Sql, wait: boolean): Promise<Head | null> {
  const rows = await sql.query<Head & { hash: Buffer }>(
    `select seq, hash from audit_head for update ${wait ? '' : 'skip locked'}`,
  );
  return rows[0] ?? null;
}

export async function takeFromInbox(sql: Sql, limit: number): Promise<WaitingRow[]> {
  const rows = await sql.query<WaitingRow>(
    `delete from audit_inbox where id in (select id from audit_inbox order by id limit $1)
     returning id, ${MICROSECONDS}, actor, account, action, subject, details`,
    [limit],
  );
  return rows.sort((a, b) => a.id - b.id);
}

export async function appendToChain(sql: Sql, rows: readonly ChainedRow[]): Promise<void> {
  const column = <K extends keyof ChainedRow>(name: K): ChainedRow[K][] => rows.map((row) => row[name]);
  await sql.query(
    `insert into audit_chain (account, seq, at, actor, action, subject, details, prev_hash, hash)
     select account, seq, timestamptz 'epoch' + at * interval '1 microsecond', actor, action, subject, details,
            decode(prev_hash, 'hex'), decode(hash, 'hex')
     from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
       as given (account, seq, at, actor, action, subject, details, prev_hash, hash)`,
    [
      column('account'),
      column('seq'),
      column('at'),
      column('actor'),
      column('action'),
      column('subject'),
      column('details'),
      column('prev_hash').map(asHex),
      column('hash').map(asHex),
    ],
  );
}

const asHex = (hash: Buffer): string => hash.toString('hex');

/** Compare and set: false when the head is not where the writer found it. */
export async function moveHead(sql: Sql, from: Head, to: Head): Promise<boolean> {
  const moved = await sql.execute('update audit_head set seq = $1, hash = $2 where seq = $3 and hash = $4', [
    to.seq,
    to.hash,
    from.seq,
    from.hash,
  ]);
  return moved === 1;
}

export async function readHead(sql: Sql): Promise<Head | null> {
  return (await sql.query<Head & { hash: Buffer }>('select seq, hash from audit_head'))[0] ?? null;
}

/** The next rows in the chain's order, by account where two claim one place: neither may hide behind a page's end. */
export function readChain(sql: Sql, after: { seq: string; account: string }, limit: number): Promise<ChainedRow[]> {
  return sql.query<ChainedRow & { hash: Buffer }>(
    `select ${CHAINED} from audit_chain where (audit_chain.seq, account) > ($1, $2) order by audit_chain.seq, account limit $3`,
    [after.seq, after.account, limit],
  );
}

export interface ListedRow {
  readonly seq: number;
  readonly at: Date;
  readonly actor: string | null;
  readonly account: string;
  readonly action: string;
  readonly subject: string | null;
  readonly details: string;
  readonly hash: Buffer;
}

export function listChain(sql: Sql, query: AuditQuery, after: number | null): Promise<ListedRow[]> {
  const newest = query.order === 'newest';
  return sql.query<ListedRow & { hash: Buffer }>(
    `select seq, at, actor, account, action, subject, details, hash from audit_chain
     where ($1::bigint is null or seq ${newest ? '<' : '>'} $1)
       and ($2::text is null or action = $2 or starts_with(action, $2 || '.'))
       and ($3::uuid is null or actor = $3)
       and ($4::uuid is null or account = $4)
       and ($5::timestamptz is null or at >= $5)
       and ($6::timestamptz is null or at < $6)
     order by seq ${newest ? 'desc' : ''} limit $7`,
    [
      after,
      query.action ?? null,
      query.actor ?? null,
      query.account ?? null,
      query.from ?? null,
      query.to ?? null,
      query.limit + 1,
    ],
  );
}
