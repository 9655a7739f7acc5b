import { Inject, Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { findProvider, type BlobName, type StorageProvider } from '#storage';
import { Config } from '../config/index.js';
import { allConnections, ConnectionPool, type ConnectionRow, DeletionHold } from '../connections/index.js';
import {
  abandonDraft,
  condemnedBlobs,
  connectionsToSweep,
  forgetEnded,
  lapsedDrafts,
  markGone,
  noteLooks,
  settleSlabsOf,
  tombstones,
  type CondemnedBlob,
} from '../contents/index.js';
import { Database } from '../database/index.js';
import { deadGateways, forgetGateway } from '../gateways/index.js';
import { LapsedMoves } from './moving/index.js';

const DRAFTS_AT_ONCE = 500;
const BLOBS_AT_ONCE = 200;
/** Most of a deletion is waiting for the answer; a provider's own limits stand behind it. */
const LANES = 8;
/** What one connection may take of a round; the next one goes on. */
const TURN_MS = 10_000;
/** Even where no upload session outlives its gateway, a process that was paused may still finish a write. */
const LEAST_TOMBSTONE_MS = 60_000;

export interface Swept {
  readonly drafts: number;
  readonly blobs: number;
}

/**
 * Clears away what ended: drafts whose gateway died, and moves of shards whose worker did, then blobs that a committed row condemns, then,
 * after two looks that did not find them again, the rows themselves. Deleting follows the row, never
 * a listing; it needs no key, and may stop or be repeated anywhere, also by several gateways at once.
 */
@Injectable()
export class Sweep {
  private readonly log = new Logger('upkeep');

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly moves: LapsedMoves,
    private readonly hold: DeletionHold,
    @Inject(Config) private readonly config: Config,
  ) {}

  /** Nothing, where workers do it. */
  async run(): Promise<Swept> {
    if (this.config.workerSocket !== null && !this.config.isWorker) return { drafts: 0, blobs: 0 };
    const drafts = await this.abandonLapsed();
    await this.moves.sweep();
    await this.settleDead();
    if (await this.hold.stands()) return { drafts, blobs: 0 };
    const rows = new Map((await allConnections(this.database)).map((row) => [row.id, row]));
    let blobs = 0;
    for (const { connection } of await connectionsToSweep(this.database)) {
      const row = rows.get(connection);
      if (!row || !row.enabled || row.alarm !== null || row.needs_reconnect_at !== null) continue;
      blobs += await this.sweepConnection(row);
    }
    await forgetEnded(this.database);
    return { drafts, blobs };
  }

  private async abandonLapsed(): Promise<number> {
    const lapsed = await lapsedDrafts(this.database, DRAFTS_AT_ONCE);
    for (const draft of lapsed) await this.database.tx((sql) => abandonDraft(sql, draft));
    return lapsed.length;
  }

  /** What a dead gateway had set aside is free again. Its drafts are given up first. One that cannot be settled keeps nobody else. */
  private async settleDead(): Promise<void> {
    for (const { id } of await deadGateways(this.database)) {
      try {
        await settleSlabsOf(this.database, id);
        await this.database.tx((sql) => forgetGateway(sql, id));
      } catch (error) {
        this.log.warn(`What gateway ${id} had set aside is settled later: ${(error as Error).message}`);
      }
    }
  }

  private async sweepConnection(row: ConnectionRow): Promise<number> {
    try {
      return await this.connection(row, AbortSignal.timeout(TURN_MS));
    } catch (error) {
      // Away or refusing: the rows stay condemned, the next run tries again.
      this.log.warn(`Connection ${row.id} could not be swept: ${(error as Error).message}`);
      return 0;
    }
  }

  /** Sweeps one connection until there is nothing left to do, or the time that it is given is over. Throws what the provider throws. */
  async connection(row: ConnectionRow, time: AbortSignal): Promise<number> {
    const provider = await this.pool.provider(row.id, 'short');
    const deleted = await this.deleteCondemned(row, provider, time);
    await this.lookForTombstones(row, provider, time);
    return deleted;
  }

  /** A blob that cannot be deleted does not keep others from it; the next round tries it again. */
  private async deleteCondemned(row: ConnectionRow, provider: StorageProvider, time: AbortSignal): Promise<number> {
    let total = 0;
    while (!time.aborted) {
      const blobs = await condemnedBlobs(this.database, row.id, BLOBS_AT_ONCE);
      const deleted: CondemnedBlob[] = [];
      let failure: unknown;
      await inLanes(blobs, time, async (blob) => {
        // Away or throttling it is for all of them; a refusal may be about this one.
        if (failure instanceof Fault && failure.retriable) return;
        await provider.delete(blob.name as BlobName).then(
          () => deleted.push(blob),
          (error: unknown) => (failure = error),
        );
      });
      await markGone(this.database, deleted);
      total += deleted.length;
      if (failure) throw failure;
      if (blobs.length < BLOBS_AT_ONCE) break;
    }
    return total;
  }

  private async lookForTombstones(row: ConnectionRow, provider: StorageProvider, time: AbortSignal): Promise<void> {
    const longest = findProvider(row.provider)?.traits.longestUploadSessionMs ?? 0;
    const session = Math.max(longest, LEAST_TOMBSTONE_MS);
    while (!time.aborted) {
      const due = await tombstones(this.database, row.id, session, BLOBS_AT_ONCE);
      const looks: { blob: CondemnedBlob; absent: boolean }[] = [];
      try {
        await inLanes(due, time, async (blob) => {
          looks.push({ blob, absent: await this.absent(provider, blob) });
        });
      } finally {
        await noteLooks(this.database, looks, session);
      }
      if (due.length < BLOBS_AT_ONCE) return;
    }
  }

  private async absent(provider: StorageProvider, blob: CondemnedBlob): Promise<boolean> {
    if ((await provider.stat(blob.name as BlobName)) === null) return true;
    await provider.delete(blob.name as BlobName);
    return false;
  }
}

/** The first failure ends all lanes, when what is under way has ended. */
async function inLanes<T>(items: readonly T[], time: AbortSignal, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const item of waiting) {
      if (failed || time.aborted) return;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: LANES }, lane));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
