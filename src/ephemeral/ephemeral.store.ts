import { Fault } from '#contracts';
import type { TurnAnswer, TurnAsk } from '#storage';
import type { Database } from '../database/index.js';
import { type Count, Ephemeral, EphemeralAway, type Json, type Lock, TURNSTILE_TTL_MS } from './ephemeral.js';

const until = (ttl: string) => `clock_timestamp() + make_interval(secs => ${ttl}::double precision / 1000)`;

const PUT_WHERE_NOTHING = `
  INSERT INTO ephemeral_values AS v (key, value, expires_at) VALUES ($1, $2::jsonb, ${until('$3')})
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
    WHERE v.expires_at <= clock_timestamp() RETURNING 1`;
const PUT_OVER_SEEN = `
  UPDATE ephemeral_values SET value = $2::jsonb, expires_at = ${until('$3')}
  WHERE key = $1 AND value = $4::jsonb AND expires_at > clock_timestamp() RETURNING 1`;
const DELETE_SEEN = `
  DELETE FROM ephemeral_values WHERE key = $1 AND value = $2::jsonb AND expires_at > clock_timestamp() RETURNING 1`;

/** The short-lived state in the database: unlogged tables, so that nothing waits for the disk. */
export class PostgresEphemeral extends Ephemeral {
  constructor(private readonly database: Database) {
    super();
  }

  async put(key: string, value: Json, ttlMs: number): Promise<void> {
    await this.#run(
      `INSERT INTO ephemeral_values (key, value, expires_at) VALUES ($1, $2::jsonb, ${until('$3')})
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`,
      [key, JSON.stringify(value), ttlMs],
    );
  }

  async get<T extends Json>(key: string): Promise<T | null> {
    const [row] = await this.#run<{ value: T }>(
      `SELECT value FROM ephemeral_values WHERE key = $1 AND expires_at > clock_timestamp()`,
      [key],
    );
    return row?.value ?? null;
  }

  async take<T extends Json>(key: string): Promise<T | null> {
    const [row] = await this.#run<{ value: T; alive: boolean }>(
      `DELETE FROM ephemeral_values WHERE key = $1 RETURNING value, expires_at > clock_timestamp() AS alive`,
      [key],
    );
    return row?.alive ? row.value : null;
  }

  async delete(key: string): Promise<void> {
    await this.#run(`DELETE FROM ephemeral_values WHERE key = $1`, [key]);
  }

  async swap(key: string, seen: Json | null, value: Json | null, ttlMs: number): Promise<boolean> {
    const [was, is] = [seen, value].map((json) => (json === null ? null : JSON.stringify(json)));
    if (was === null && is === null) return (await this.get(key)) === null;
    const [text, values] =
      was === null
        ? [PUT_WHERE_NOTHING, [key, is, ttlMs]]
        : is === null
          ? [DELETE_SEEN, [key, was]]
          : [PUT_OVER_SEEN, [key, is, ttlMs, was]];
    return (await this.#run(text as string, values as unknown[])).length > 0;
  }

  async increment(key: string, ttlMs: number): Promise<Count> {
    const [row] = await this.#run<Count>(
      `INSERT INTO ephemeral_counters AS c (key, count, expires_at) VALUES ($1, 1, ${until('$2')})
       ON CONFLICT (key) DO UPDATE SET
         count = CASE WHEN c.expires_at > clock_timestamp() THEN c.count + 1 ELSE 1 END,
         expires_at = CASE WHEN c.expires_at > clock_timestamp() THEN c.expires_at ELSE excluded.expires_at END
       RETURNING count, greatest(0, ceil(extract(epoch FROM expires_at - clock_timestamp()) * 1000))::bigint AS "remainingMs"`,
      [key, ttlMs],
    );
    return row!;
  }

  async reset(key: string): Promise<void> {
    await this.#run(`DELETE FROM ephemeral_counters WHERE key = $1`, [key]);
  }

  async lock(name: string, ttlMs: number): Promise<Lock | null> {
    const token = await this.#seize(name, ttlMs);
    if (token === null) return null;
    return {
      token: BigInt(token),
      renew: async () => (await this.#renew(name, token, ttlMs)) > 0,
      release: async () => {
        await this.#run(`DELETE FROM ephemeral_locks WHERE name = $1 AND token = $2`, [name, token]);
      },
    };
  }

  async turn(name: string, ask: TurnAsk): Promise<TurnAnswer> {
    const [row] = await this.#run<{ answer: TurnAnswer }>(`SELECT ephemeral_turn($1, $2::jsonb, $3) AS answer`, [
      name,
      JSON.stringify(ask),
      TURNSTILE_TTL_MS,
    ]);
    return row!.answer;
  }

  /** Removes what is over. Nothing depends on it but the tables' size. */
  async sweep(): Promise<void> {
    for (const table of ['ephemeral_values', 'ephemeral_counters', 'ephemeral_locks', 'ephemeral_turnstiles']) {
      await this.#run(`DELETE FROM ${table} WHERE expires_at <= clock_timestamp()`, []);
    }
  }

  /** The token is drawn while the row is ours: so tokens rise in the order of the holders. */
  async #seize(name: string, ttlMs: number): Promise<string | null> {
    return awayAsOurs(() =>
      this.database.tx(async (sql) => {
        const seized = await sql.execute(
          `INSERT INTO ephemeral_locks AS l (name, token, expires_at) VALUES ($1, 0, ${until('$2')})
           ON CONFLICT (name) DO UPDATE SET token = 0, expires_at = excluded.expires_at
             WHERE l.expires_at <= clock_timestamp()`,
          [name, ttlMs],
        );
        if (seized === 0) return null;
        const [row] = await sql.query<{ token: string }>(
          `UPDATE ephemeral_locks SET token = nextval('fencing_tokens') WHERE name = $1 RETURNING token::text`,
          [name],
        );
        return row!.token;
      }),
    );
  }

  async #renew(name: string, token: string, ttlMs: number): Promise<number> {
    const rows = await this.#run(
      `UPDATE ephemeral_locks SET expires_at = ${until('$3')}
       WHERE name = $1 AND token = $2 AND expires_at > clock_timestamp() RETURNING 1`,
      [name, token, ttlMs],
    );
    return rows.length;
  }

  async #run<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    return awayAsOurs(() => this.database.query<Row>(text, values));
  }
}

async function awayAsOurs<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof Fault) throw new EphemeralAway({ cause: error });
    throw error;
  }
}

/** From a logged sequence, whatever holds the lock: it never goes back, not even when the lock's own server forgets. */
export async function nextFencingToken(database: Database): Promise<bigint> {
  const [row] = await database.query<{ token: string }>(`SELECT nextval('fencing_tokens')::text AS token`);
  return BigInt(row!.token);
}
