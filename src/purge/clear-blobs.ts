import { Injectable } from '@nestjs/common';
import { Fault } from '#contracts';
import { allConnections, type ConnectionRow } from '../connections/index.js';
import { condemnedOf, giveUpBlobs } from '../contents/index.js';
import { Database } from '../database/index.js';
import type { JobRun } from '../jobs/index.js';
import { Sweep } from '../upkeep/index.js';
import type { Trouble } from './errors.js';
import { noteBlobs } from './purge.store.js';

/** After so long the progress is told, and whether the job is still ours is looked at. */
const TURN_MS = 5_000;

/** Has upkeep delete what an account has on every connection, its own and the house's, and does not wait for its rounds. */
@Injectable()
export class ClearBlobs {
  constructor(
    private readonly database: Database,
    private readonly sweep: Sweep,
  ) {}

  /** Every connection is tried, all at once; answers those on which blobs are left, and why. */
  async run(job: JobRun, account: string): Promise<Trouble[]> {
    const left = await condemnedOf(this.database, account);
    const total = await noteBlobs(this.database, account, sum(left));
    await job.progress({ done: total - sum(left), total });
    const rows = new Map((await allConnections(this.database)).map((row) => [row.id, row]));
    const cleared = left.map(({ connection }) => this.clear(job, { account, total }, connection, rows.get(connection)));
    return (await Promise.all(cleared)).filter((trouble) => trouble !== null);
  }

  private async clear(
    job: JobRun,
    { account, total }: { account: string; total: number },
    connection: string,
    row: ConnectionRow | undefined,
  ): Promise<Trouble | null> {
    if (row === undefined) {
      await giveUpBlobs(this.database, account, connection);
      return null;
    }
    if (row.alarm !== null) return { connection, provider: row.provider, reason: 'An alarm stands there.' };
    for (;;) {
      try {
        await this.sweep.connection(row, AbortSignal.any([job.signal, AbortSignal.timeout(TURN_MS)]));
      } catch (error) {
        job.signal.throwIfAborted();
        return { connection, provider: row.provider, reason: inWords(error) };
      }
      const left = await condemnedOf(this.database, account);
      await job.progress({ done: total - Math.min(total, sum(left)) });
      if (!left.some((place) => place.connection === connection)) return null;
    }
  }
}

export function inWords(error: unknown): string {
  return error instanceof Fault ? error.message : 'Something unexpected happened.';
}

function sum(left: readonly { blobs: number }[]): number {
  return left.reduce((blobs, place) => blobs + place.blobs, 0);
}
