import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Job, Scrub } from '#contracts';
import { Worker } from '../../src/jobs/index.js';
import { AskForScrub } from '../../src/upkeep/scrub/index.js';
import type { Client } from './client.js';
import type { TestGateway } from './gateway.js';
import { inside, intruder } from './inside.js';

/** Looks through connections as an owner, and as time does; and sees what is known of them. */
export class Scrubbing implements AsyncDisposable {
  private constructor(
    private readonly gateway: TestGateway,
    private readonly owner: Client,
    readonly database: Awaited<ReturnType<typeof intruder>>,
  ) {}

  static async of(gateway: TestGateway, owner: Client): Promise<Scrubbing> {
    return new Scrubbing(gateway, owner, await intruder(gateway));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.database.end();
  }

  async ask(connection: string, query = ''): Promise<Job> {
    const asked = await this.owner.send(`/api/cloud/connections/${connection}/scrub${query}`, { method: 'POST' });
    expect(asked.status).toBe(202);
    return asked.json<{ job: Job }>().job;
  }

  /** Somebody asks for it, and waits. */
  async now(connection: string, query = ''): Promise<Scrub> {
    const { id } = await this.ask(connection, query);
    expect(await this.ended(id)).toMatchObject({ state: 'done', error: null });
    return this.last(connection);
  }

  /** The one that comes by itself. */
  async daily(connection: string): Promise<Scrub> {
    const id = await this.dailyBegun(connection);
    expect(await this.ended(id)).toMatchObject({ state: 'done', error: null });
    return this.last(connection);
  }

  async dailyBegun(connection: string): Promise<string> {
    await this.database.query(`update scrubs set next_at = now() where connection = $1`, [connection]);
    await this.database.query(`update connections set created_at = now() - interval '2 days' where id = $1`, [
      connection,
    ]);
    await inside(this.gateway, AskForScrub).due();
    const { rows } = await this.database.query<{ id: string }>(
      `select id from jobs where ids ->> 'connection' = $1 order by id desc`,
      [connection],
    );
    return rows[0]!.id;
  }

  async job(id: string): Promise<Job> {
    return (await this.owner.send(`/api/jobs/${id}`)).json<Job>();
  }

  /** Whatever is put off is due at once. */
  async ended(id: string): Promise<Job> {
    for (;;) {
      const job = await this.job(id);
      if (job.endedAt !== null) return job;
      const { rowCount } = await this.database.query(
        `update jobs set next_at = now() - interval '1 minute'
         where state = 'waiting' and id = $1 and next_at > now()`,
        [id],
      );
      if (rowCount) await inside(this.gateway, Worker).recover();
      await pause(10);
    }
  }

  async last(connection: string): Promise<Scrub> {
    return (await this.owner.send(`/api/cloud/connections/${connection}/scrub`)).json<Scrub>();
  }

  async hoursPass(hours: number): Promise<void> {
    const earlier = `- interval '${hours} hours'`;
    await this.database.query(
      `update strays set first_seen_at = first_seen_at ${earlier}, seen_at = seen_at ${earlier}`,
    );
    await this.database.query(`update blobs set unlisted_at = unlisted_at ${earlier} where unlisted_at is not null`);
  }

  /** Names by what is known to be wrong with them. */
  async faults(connection: string): Promise<{ missing: string[]; damaged: string[] }> {
    const { rows } = await this.database.query<{ name: string; fault: 'missing' | 'damaged' }>(
      `select name, fault from blobs where connection = $1 and state = 'live' and fault is not null
       order by name collate "C"`,
      [connection],
    );
    const found = { missing: [] as string[], damaged: [] as string[] };
    for (const { name, fault } of rows) found[fault].push(name);
    return found;
  }

  async alarm(connection: string): Promise<string | null> {
    const { rows } = await this.database.query('select alarm from connections where id = $1', [connection]);
    return rows[0].alarm;
  }
}
