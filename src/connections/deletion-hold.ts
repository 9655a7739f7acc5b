import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Hold } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import { Metrics } from '../health/index.js';
import { DeletionsHeld, NothingHeld } from './errors.js';
import {
  beginHold,
  clearAhead,
  type HoldReason,
  jumpBlobSequence,
  liftHold,
  seenMarkers,
  standingHold,
} from './holds.store.js';

export const AHEAD =
  'The connection has seen newer files than this database: was a backup restored? Nothing is deleted there.';

/** After a hold is lifted, nothing is deleted for so long yet: whoever finds it was a mistake puts it back, and nothing is lost. */
const GRACE_SECONDS = 600;
/** Far more blobs than a connection that was not seen can be ahead by. */
const BEYOND = 1_000_000_000;
/** How long this gateway goes by what it has looked up. */
const FRESH_MS = 1_000;

/**
 * Whether anything may be deleted on connections. A database that is an older copy of itself (a restored backup) does not
 * know the newest files: their blobs would be orphans to it, and what was taken out of the trash since would be erased. So
 * nothing is deleted anywhere, by whatever room, until an admin has looked and says so. Files are read meanwhile.
 */
@Injectable()
export class DeletionHold implements OnApplicationBootstrap {
  private readonly log = new Logger('connections');
  private known: { stands: boolean; at: number } | undefined;

  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
    metrics: Metrics,
  ) {
    const stands = (): Promise<boolean> => this.stands();
    metrics.gauge({
      name: 'tessera_deletions_held',
      help: '1 while nothing is deleted on any connection.',
      async collect() {
        this.set(Number(await stands()));
      },
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    const hold = await standingHold(this.database);
    if (hold) {
      this.log.warn(
        'Nothing is deleted on any connection until an admin lifts the hold (docs/backup.md): GET /api/admin/hold says why.',
      );
    }
  }

  /** As it was at most a second ago. */
  async stands(): Promise<boolean> {
    if (this.known && performance.now() - this.known.at < FRESH_MS) return this.known.stands;
    const at = performance.now();
    const stands = (await standingHold(this.database)) !== undefined;
    this.known = { stands, at };
    return stands;
  }

  /** Throws DeletionsHeld. */
  async check(): Promise<void> {
    if (await this.stands()) throw new DeletionsHeld();
  }

  /** Begins one, or takes back that one was lifted, while that is possible. Where one stands nothing changes. */
  async begin(why: HoldReason, by: string | null): Promise<void> {
    const begun = await this.database.tx(async (sql) => {
      const hold = { id: randomUUIDv7(), why, by, backup: null, backupMadeAt: null };
      if (!(await beginHold(sql, hold))) return false;
      await this.audit.append(sql, { actor: by, action: 'deletions.held', details: { why } });
      return true;
    });
    this.known = undefined;
    if (begun) this.log.warn(`Nothing is deleted on any connection from now on (${why}).`);
  }

  /** From a while later on blobs are deleted again; connections that were only ahead take new files at once. Throws NothingHeld. */
  async lift(by: string): Promise<void> {
    await this.database.tx(async (sql) => {
      const hold = await liftHold(sql, by, GRACE_SECONDS);
      if (!hold) throw new NothingHeld();
      await jumpBlobSequence(sql, BEYOND);
      const connections = await clearAhead(sql, AHEAD);
      await this.audit.append(sql, {
        actor: by,
        action: 'deletions.lifted',
        subject: hold.id,
        details: { why: hold.why, connections, graceSeconds: GRACE_SECONDS },
      });
    });
    this.known = undefined;
  }

  /** What is known of it; of connections no more than an admin may see of anybody's. */
  async show(): Promise<Hold> {
    const hold = await standingHold(this.database);
    if (!hold) return { stands: false };
    const markers = await seenMarkers(this.database);
    return {
      stands: true,
      id: hold.id,
      why: hold.why,
      since: hold.began_at.toISOString(),
      backupMadeAt: hold.backup_made_at?.toISOString() ?? null,
      endsAt: hold.ends_at?.toISOString() ?? null,
      connections: markers.map(({ id, provider, house, seen }) => ({
        id,
        provider,
        house,
        blobsAhead: seen === null ? null : Math.max(0, seen - hold.sequence),
      })),
    };
  }
}
