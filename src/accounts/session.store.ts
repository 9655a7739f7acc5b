import type { Role } from '#contracts';
import type { Sql } from '../database/index.js';

export interface SessionRow {
  readonly session: string;
  readonly account: string;
  readonly email: string;
  readonly roles: Role[];
  /** Whether its last use is written down too long ago. */
  readonly stale: boolean;
}

const LIFE = `interval '30 days'`;
const IDLE = `interval '7 days'`;
/** How exact a last use is: small beside the seven days, large beside a request. */
const TOUCH = `interval '10 minutes'`;
/** A program that signs in anew each time pushes out its own oldest sessions, not the table's room. */
const MOST_SESSIONS = 500;

export async function insertSession(
  sql: Sql,
  session: { id: string; account: string; tokenHash: Buffer },
): Promise<Date> {
  const rows = await sql.query<{ expires_at: Date }>(
    `insert into sessions (id, account, token_hash, expires_at) values ($1, $2, $3, now() + ${LIFE}) returning expires_at`,
    [session.id, session.account, session.tokenHash],
  );
  return rows[0]!.expires_at;
}

/** The session behind a token, if it and its account still stand. */
export async function findSession(sql: Sql, tokenHash: Buffer): Promise<SessionRow | null> {
  const rows = await sql.prepared<SessionRow & { session: string }>(
    'session-by-token',
    `select s.id as session, a.id as account, a.email, a.roles, s.last_seen_at < now() - ${TOUCH} as stale
     from sessions s join accounts a on a.id = s.account
     where s.token_hash = $1 and s.expires_at > now() and s.last_seen_at > now() - ${IDLE}
       and a.disabled_at is null and a.deleted_at is null`,
    [tokenHash],
  );
  return rows[0] ?? null;
}

export interface StandingSession {
  readonly account: string;
  readonly email: string;
  readonly roles: Role[];
  readonly ageMs: number;
}

/** The session itself, if it and its account still stand. */
export async function standingSession(sql: Sql, id: string): Promise<StandingSession | null> {
  const rows = await sql.query<StandingSession & { account: string }>(
    `select a.id as account, a.email, a.roles, (extract(epoch from now() - s.created_at) * 1000)::bigint as "ageMs"
     from sessions s join accounts a on a.id = s.account
     where s.id = $1 and s.expires_at > now() and s.last_seen_at > now() - ${IDLE}
       and a.disabled_at is null and a.deleted_at is null`,
    [id],
  );
  return rows[0] ?? null;
}

export async function touchSession(sql: Sql, id: string): Promise<void> {
  await sql.query(`update sessions set last_seen_at = now() where id = $1 and last_seen_at < now() - ${TOUCH}`, [id]);
}

export async function deleteSession(sql: Sql, id: string): Promise<boolean> {
  return (await sql.execute('delete from sessions where id = $1', [id])) === 1;
}

/** All of an account's sessions but one. */
export async function deleteSessions(sql: Sql, account: string, except: string | null = null): Promise<number> {
  return sql.execute('delete from sessions where account = $1 and ($2::uuid is null or id <> $2)', [account, except]);
}

/** A few of anybody's that have ended, and this account's beyond the most that one has. */
export async function sweepSessions(sql: Sql, account: string): Promise<void> {
  await sql.query(
    `delete from sessions where id in (select id from sessions where expires_at < now() limit 20 for update skip locked)
       or id in (select id from sessions where account = $1 order by last_seen_at desc, id desc offset ${MOST_SESSIONS})`,
    [account],
  );
}
