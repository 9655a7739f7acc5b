import type { Sql } from '../../database/index.js';

/** The least parity that some chunk of an account is meant to have; null where it stores nothing. */
export async function leastParity(sql: Sql, account: string): Promise<number | null> {
  const rows = await sql.query<{ parity: number | null }>(
    `select least(
       (select c.parity from contents c where c.account = $1 and c.state = 'published' and exists (
          select 1 from chunks k where k.account = $1 and k.content = c.id and k.parity is null)
        order by c.parity limit 1),
       (select min(k.parity) from chunks k where k.account = $1 and k.parity is not null)) as parity`,
    [account],
  );
  return rows[0]?.parity ?? null;
}

export interface WeakCount {
  readonly weakened: number;
  readonly unreadable: number;
  /** Of the weakest; null where none is weak. */
  readonly survives: number | null;
}

const COUNTS = `count(w.chunk) as weakened, count(w.chunk) filter (where w.survives < 0) as unreadable, min(w.survives) as survives`;

export async function weakOfAccount(sql: Sql, account: string): Promise<WeakCount> {
  const rows = await sql.query<WeakCount>(`select ${COUNTS} from weak_chunks w where account = $1`, [account]);
  return rows[0] as WeakCount;
}

/** Of the newest versions of all files below a folder, whatever the depth. */
export async function durabilityBelow(
  sql: Sql,
  account: string,
  folder: string,
): Promise<WeakCount & { parity: number | null }> {
  const rows = await sql.query<WeakCount & { parity: number | null }>(
    `with recursive below as (
       select id, kind, head from nodes where account = $1 and id = $2
       union all
       select n.id, n.kind, n.head from below b
       join nodes n on n.account = $1 and n.parent = b.id and n.trashed_at is null where b.kind = 'folder'
     ), held as (
       select distinct v.content from below b join versions v on v.account = $1 and v.id = b.head where b.kind = 'file'
     ), parities as (
       select least(min(c.parity) filter (where c.chunks > 0), min(k.parity)) as parity from held h
       join contents c on c.account = $1 and c.id = h.content and c.state = 'published'
       left join chunks k on k.account = $1 and k.content = c.id and k.parity is not null
     ), weak as (
       select ${COUNTS} from held h join weak_chunks w on w.account = $1 and w.content = h.content
     )
     select * from parities, weak`,
    [account, folder],
  );
  return rows[0] as WeakCount & { parity: number | null };
}

export interface AtRisk {
  readonly file: string;
  readonly survives: number;
  readonly weakened: number;
  readonly unreadable: number;
  readonly parity: number;
  readonly since: Date;
}

/** Files whose versions have weak chunks, those in the most danger first; of very many only some are looked at. */
export function filesAtRisk(sql: Sql, account: string, most: number): Promise<AtRisk[]> {
  return sql.query(
    `with first as (
       select content, survives from weak_chunks where account = $1 order by survives, content limit 20000
     ), worst as (
       select content, min(survives) as survives from first group by content order by 2, 1 limit $2
     )
     select v.file, min(w.survives) as survives, sum(counted.weakened)::int as weakened,
       sum(counted.unreadable)::int as unreadable, min(c.parity) as parity, min(counted.since) as since
     from worst w
     join contents c on c.account = $1 and c.id = w.content and c.state = 'published'
     join versions v on v.account = $1 and v.content = w.content
     cross join lateral (
       select count(*) as weakened, count(*) filter (where k.survives < 0) as unreadable, min(k.since) as since
       from weak_chunks k where k.account = $1 and k.content = w.content) counted
     group by v.file order by 2, 6 limit $2`,
    [account, most],
  );
}

export interface PlaceInTrouble {
  readonly id: string;
  readonly label: string;
  readonly domain: string;
  readonly enabled: boolean;
  readonly needs_reconnect: boolean;
  readonly alarm: boolean;
  readonly draining: boolean;
  readonly given_up: boolean;
  /** Whether its shards are counted as lost already. */
  readonly counted: boolean;
  readonly failing_since: Date | null;
  readonly failures: number;
  /** Whether something of this account lies there; looked for only where it is in trouble. */
  readonly holds: boolean;
}

/** The connections open to an account, with what keeps them from giving or taking shards. */
export function placesOfAccount(sql: Sql, account: string): Promise<PlaceInTrouble[]> {
  return sql.query(
    `with places as (
       select id, label, domain, enabled, needs_reconnect_at is not null as needs_reconnect, alarm is not null as alarm,
         drain_since is not null as draining, given_up_at is not null as given_up, coalesce(counted_out, false) as counted,
         failing_since, failures
       from connections where removed_at is null and (account is null or account = $1)
     )
     select p.*, (p.failures > 0 or p.given_up or p.needs_reconnect or p.alarm or p.draining) and exists (
       select 1 from blobs b where b.account = $1 and b.connection = p.id and b.state = 'live') as holds
     from places p order by p.label, p.id`,
    [account],
  );
}

/** Shards on their way, by what for. */
export function movesOfAccount(sql: Sql, account: string): Promise<{ why: string; shards: number }[]> {
  return sql.query(
    `select why, count(*) as shards from moves where account = $1 and lease_until > now() group by why order by why`,
    [account],
  );
}

export async function spooledOfAccount(sql: Sql, account: string, most: number): Promise<number> {
  const rows = await sql.query<{ shards: number }>(
    `select count(*) as shards from (
       select 1 from shards where account = $1 and home is not null limit $2) as waiting`,
    [account, most],
  );
  return rows[0]?.shards ?? 0;
}
