import { Injectable } from '@nestjs/common';
import type { SealedStage } from '#chunks';
import type { Fault } from '#contracts';
import { digestShards, ErasureCode, shardPieces } from '#dispersal';
import type { BlobName } from '#storage';
import { ConnectionPool, isOfConnection, type Place, PlaceShards } from '../../connections/index.js';
import { CommitUnknown, Database } from '../../database/index.js';
import {
  abandonMove,
  LEASE_SECONDS,
  type LyingShard,
  MoveLease,
  MoveLost,
  saysNowhere,
  ShardUnlike,
  shardsOfChunk,
  SourcesMissing,
  stands,
} from '../moving/index.js';
import {
  beginSpreading,
  type ChunkId,
  isSpread,
  type MadeShard,
  sealedOf,
  type Spread,
  type SwapSpread,
  swapSpread,
} from './chunk-spread.store.js';
import { keptShards } from './kept-shards.js';
import { SealedSource } from './sealed-source.js';

/** A connection that fails is passed over; more often than this something else is wrong. */
const MOST_TRIES = 6;

/** `spread`: as wanted now. `gone`: erased, or so before. `busy`, `nowhere`, `unreadable`: not now. `unmeasured`: see below. */
export type SpreadOutcome = 'spread' | 'gone' | 'busy' | 'nowhere' | 'unreadable' | 'unmeasured';

export interface Spreading {
  readonly outcome: SpreadOutcome;
  readonly read: number;
  readonly written: number;
  readonly fault: Fault | null;
}

interface Work {
  readonly id: ChunkId;
  readonly to: Spread;
  readonly from: Spread;
  readonly shards: readonly LyingShard[];
  readonly kept: readonly number[];
  readonly sealed: number;
  readonly signal: AbortSignal;
  readonly failed: Map<string, 'away' | 'full'>;
  read: number;
  written: number;
}

/**
 * Spreads one stored chunk anew: its sealed bytes, as they are, become other shards. No key is needed.
 *
 *  1. Begin, in a transaction: the further shards' blobs are intended, and hang on rows of `moves` under one fence and
 *     lease, so that none of the chunk's shards of the same number moves meanwhile, and a dead worker's are swept.
 *  2. The sealed chunk is put together from its shards, each proved by its digest, and cut to its sealed length. The
 *     digests of all new shards are made of it: those that stay must have the digest that they have.
 *  3. The further shards are put, with proof.
 *  4. Swap, in a transaction, by compare-and-set on the chunk's own spread: the new shards count, the old ones are
 *     condemned. Before it the chunk is read by the old spread, after it by the new one; there is nothing between.
 *
 * A chunk whose sealed length is not known (stored before that was written down, as several data shards) stays as it is.
 */
@Injectable()
export class SpreadChunk {
  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly place: PlaceShards,
    private readonly source: SealedSource,
  ) {}

  /** Throws what the signal aborts with, and what is nobody's doing here. */
  async run(id: ChunkId, to: Spread, signal: AbortSignal): Promise<Spreading> {
    const shards = await shardsOfChunk(this.database, { ...id, shard: 0 });
    const [first] = shards;
    const none = { read: 0, written: 0, fault: null };
    if (!first || (first.data === to.data && first.parity === to.parity)) return { outcome: 'gone', ...none };
    const from = { data: first.data, parity: first.parity };
    const sealed = (await sealedOf(this.database, id)) ?? (from.data === 1 ? first.length : null);
    if (sealed === null) return { outcome: 'unmeasured', ...none };
    // None is left in a spool that would be the only one there is.
    const spooled = shards.flatMap(({ shard, home }) => (to.parity === 0 && home !== null ? [shard] : []));
    const alike = keptShards(from, to).filter((shard) => !spooled.includes(shard));
    const kept = await this.staying(shards, alike, signal);
    const work = { id, to, from, shards, kept, sealed, signal, failed: new Map(), read: 0, written: 0 };
    const end = (outcome: SpreadOutcome, fault: Fault | null = null): Spreading => {
      return { outcome, read: work.read, written: work.written, fault };
    };
    try {
      return end(await this.spread(work));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MoveLost) return end('busy', error);
      if (error instanceof SourcesMissing || error instanceof ShardUnlike) return end('unreadable', error);
      if (saysNowhere(error)) return end('nowhere', error);
      throw error;
    }
  }

  /**
   * What is lost is no reason to take away what is not: it is made anew with the others. Before any shard goes, those that
   * stay are asked for: a place that is away since an hour ago is given up by nobody yet, and may never come back.
   */
  private async staying(shards: readonly LyingShard[], alike: number[], signal: AbortSignal): Promise<number[]> {
    const standing = shards.filter((row) => alike.includes(row.shard) && stands(row));
    if (standing.length === shards.length) return standing.map(({ shard }) => shard);
    const there = await Promise.all(standing.map((row) => this.answers(row, signal)));
    return standing.filter((_, nth) => there[nth]).map(({ shard }) => shard);
  }

  private async answers({ connection, name, length }: LyingShard, signal: AbortSignal): Promise<boolean> {
    try {
      const provider = await this.pool.provider(connection, 'short');
      return (await provider.stat(name as BlobName, { signal }))?.length === length;
    } catch (error) {
      signal.throwIfAborted();
      if (!isOfConnection(error)) throw error;
      return false;
    }
  }

  private async spread(work: Work): Promise<SpreadOutcome> {
    const { from, to, kept } = work;
    const all = Array.from({ length: to.data + to.parity }, (_, shard) => shard);
    const wanted = all.filter((shard) => !kept.includes(shard));
    if (wanted.length === 0) {
      await this.swap(work, { from, to, kept, made: [], fence: null });
      return 'spread';
    }
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const done = await this.attempt(work, wanted);
      if (done !== 'again') return done;
    }
    return 'busy';
  }

  private async attempt(work: Work, wanted: readonly number[]): Promise<SpreadOutcome | 'again'> {
    const { id, to, from, kept, failed, shards, signal } = work;
    const length = ErasureCode.of(to).shardLength(work.sealed);
    const stay = shards.filter(({ shard, removed }) => kept.includes(shard) && !removed);
    const taken = new Set(stay.flatMap(({ domain }) => (domain === null ? [] : [domain])));
    const seed = `${id.content}/${id.chunk}`;
    const places = await this.place.run({ account: id.account, seed, shards: wanted, length, taken, failed });
    let lease: MoveLease | null = null;
    try {
      const asked = performance.now();
      const begin = { id, from, kept, made: places, length, leaseSeconds: LEASE_SECONDS };
      const fence = await this.database.tx((sql) => beginSpreading(sql, begin));
      if (fence === 'taken') return 'again';
      if (typeof fence === 'string') return fence;
      lease = new MoveLease(this.database, { ...id, shard: wanted[0]! }, fence, asked, signal);
      const made = await this.make(work, places, lease);
      if (made === null) {
        await this.abandon(work, lease);
        return 'again';
      }
      await this.swap(work, { from, to, kept, made, fence });
      return 'spread';
    } catch (error) {
      // What cannot be said now is said by the sweep, when the lease is over.
      if (lease) await this.abandon(work, lease).catch(() => {});
      throw error;
    } finally {
      lease?.end();
      for (const { space } of places) space.done(false);
    }
  }

  private abandon({ id }: Work, { fence }: MoveLease): Promise<void> {
    return this.database.tx((sql) => abandonMove(sql, { ...id, shard: 0 }, fence));
  }

  /** Null when a connection did not take its shard, which is noted. */
  private async make(work: Work, places: readonly Place[], lease: MoveLease): Promise<MadeShard[] | null> {
    const { id, shards, sealed, to, kept } = work;
    const code = ErasureCode.of(to);
    const read = (bytes: number): void => void (work.read += bytes);
    const stage = await this.source.open({ id, shards, sealed, lease, read });
    try {
      const digests = await digestShards(code, stage);
      const stays = shards.filter(({ shard }) => kept.includes(shard));
      if (stays.some(({ shard, digest }) => !digest.equals(digests[shard]!))) throw new ShardUnlike();
      const put = await Promise.allSettled(places.map((place) => this.put(work, { code, stage, place, lease })));
      const failure = put.find((one) => one.status === 'rejected');
      if (failure) throw failure.reason;
      const checksums = put.map((one) => (one as PromiseFulfilledResult<string | null | undefined>).value);
      if (checksums.includes(undefined)) return null;
      const length = code.shardLength(sealed);
      return places.map(({ shard, blob }, nth) => ({
        shard,
        blob,
        length,
        digest: digests[shard]!,
        checksum: checksums[nth] ?? null,
      }));
    } finally {
      await stage.release();
    }
  }

  private async put(
    work: Work,
    { code, stage, place, lease }: { code: ErasureCode; stage: SealedStage; place: Place; lease: MoveLease },
  ): Promise<string | null | undefined> {
    const { shard, connection, name } = place;
    async function* pieces(): AsyncGenerator<Buffer> {
      for await (const piece of shardPieces(code, stage, shard)) {
        lease.flows();
        work.written += piece.length;
        yield piece;
      }
    }
    try {
      const provider = await this.pool.provider(connection, 'short');
      const body = { length: code.shardLength(stage.length), pieces };
      const { checksum } = await provider.put(name, body, { signal: lease.signal });
      place.space.done(true);
      return checksum;
    } catch (error) {
      lease.signal.throwIfAborted();
      if (!isOfConnection(error)) throw error;
      this.place.note(connection, error, work.failed);
      return undefined;
    }
  }

  /** When the answer to COMMIT was lost, the chunk says whether it was made. */
  private async swap({ id }: Work, swap: SwapSpread): Promise<void> {
    try {
      await this.database.tx(async (sql) => {
        if (!(await swapSpread(sql, id, swap))) throw new MoveLost();
      });
    } catch (error) {
      if (!(error instanceof CommitUnknown) || !(await isSpread(this.database, id, swap.to))) throw error;
    }
  }
}
