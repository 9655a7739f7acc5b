import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Fault } from '#contracts';
import { inSecondLine } from '#storage';
import {
  ConnectionHealth,
  ConnectionPool,
  type Place,
  PlaceShards,
  SpreadUnmet,
  StorageAway,
  StorageFull,
  TooFewPlaces,
} from '../../connections/index.js';
import { CommitUnknown, Database, DatabaseAway, DatabaseBusy } from '../../database/index.js';
import { MoveLost, ShardUnlike, SourcesMissing } from './errors.js';
import { GatherShards, type Gathered } from './gather-shards.js';
import { MoveMetrics } from './move-metrics.js';
import { LEASE_SECONDS, MoveLease } from './move-lease.js';
import type { Moved, MoveOptions, MoveOutcome } from './moved.js';
import {
  abandonMove,
  beginMove,
  type LyingShard,
  type MoveReason,
  shardsOfChunk,
  type ShardId,
  stands,
  type Swap,
  swapMove,
} from './moves.store.js';

/** Two movers of one chunk may choose the same domain at one moment; more often than this is something else. */
const MOST_COLLISIONS = 8;
const LOOK_AGAIN_MS = 500;
const MOST_LOOKS = 60;

/** What one move has come to, and what must be let go when it ends. */
interface Moving {
  readonly id: ShardId;
  readonly why: MoveReason;
  readonly options: MoveOptions;
  readonly shards: readonly LyingShard[];
  readonly wanted: LyingShard;
  readonly failed: Map<string, 'away' | 'full'>;
  read: number;
  written: number;
}

/**
 * Moves one shard of a published content into another blob, whoever wants it and why. What lies there is ciphertext
 * before and after; no key is needed.
 *
 *  1. Begin, in a transaction: the new blob is intended and hangs on a row of `moves`, which has a fence and a lease.
 *  2. The shard is read from where it lies, or made of others; every source is compared with its digest before it is used.
 *  3. It is put, with proof; the last piece leaves when the whole is what its digest says.
 *  4. Swap, in a transaction, under the fence and only from the blob that the move began with: the new blob is live and
 *     the shard's, the old one condemned. There is no moment in which fewer shards stand than before.
 *
 * Whoever is killed leaves a row whose lease runs out: the sweep condemns what may lie there. Whoever was paused for longer
 * finds its row gone and changes nothing.
 */
@Injectable()
export class MoveShard {
  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
    private readonly place: PlaceShards,
    private readonly sources: GatherShards,
    private readonly metrics: MoveMetrics,
  ) {}

  /** Comes after what people ask of the same connections. Throws what the signal aborts with, and what is nobody's doing here (the database is away). */
  run(id: ShardId, why: MoveReason, options: MoveOptions): Promise<Moved> {
    return this.metrics.watch(why, () => inSecondLine(() => this.runBehind(id, why, options)));
  }

  private async runBehind(id: ShardId, why: MoveReason, options: MoveOptions): Promise<Moved> {
    options.signal.throwIfAborted();
    const shards = await shardsOfChunk(this.database, id);
    const wanted = shards.find(({ shard }) => shard === id.shard);
    if (!wanted || (options.from ?? wanted.blob) !== wanted.blob || (why === 'repair' && stands(wanted))) {
      return { outcome: 'gone', length: 0, read: 0, written: 0, fault: null };
    }
    const failed = new Map([...(options.avoid ?? [])].map((connection) => [connection, 'away' as const]));
    if (why !== 'repair') failed.set(wanted.connection, 'away');
    const moving: Moving = { id, why, options, shards, wanted, failed, read: 0, written: 0 };
    const end = (outcome: MoveOutcome, fault: Fault | null = null): Moved => {
      return { outcome, length: wanted.length, read: moving.read, written: moving.written, fault };
    };
    try {
      return end(await this.move(moving));
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof MoveLost) return end('busy', error);
      if (error instanceof SourcesMissing || error instanceof ShardUnlike) return end('unreadable', error);
      if (saysNowhere(error)) return end('nowhere', error);
      throw error;
    }
  }

  /** A connection that does not take it after all is passed over, with what was gathered. */
  private async move(moving: Moving): Promise<MoveOutcome> {
    let gathered: Gathered | null = null;
    try {
      for (;;) {
        const begun = await this.begin(moving);
        if (typeof begun === 'string') return begun;
        const { place, lease } = begun;
        try {
          gathered ??= await this.gather(moving, lease);
          const checksum = await this.put(moving, place, lease, gathered);
          if (checksum === undefined) {
            await abandonMove(this.database, moving.id, lease.fence);
            continue;
          }
          return await this.swap(moving, { fence: lease.fence, to: place.blob, checksum });
        } catch (error) {
          // What cannot be said now is said by the sweep, when the lease is over.
          await abandonMove(this.database, moving.id, lease.fence).catch(() => {});
          throw error;
        } finally {
          place.space.done(false);
          lease.end();
        }
      }
    } finally {
      await gathered?.release();
    }
  }

  private async begin({ id, why, options, wanted, shards, failed }: Moving): Promise<MoveOutcome | Begun> {
    const others = shards.filter((row) => row.shard !== id.shard && !row.removed && row.domain !== null);
    const taken = new Set(others.map(({ domain }) => domain as string));
    const request = { account: id.account, seed: `${id.content}/${id.chunk}`, shards: [id.shard], failed };
    for (let collisions = 0; collisions < MOST_COLLISIONS; collisions += 1) {
      options.signal.throwIfAborted();
      const only = options.to === undefined ? {} : { to: options.to };
      const found = await this.place.run({ ...request, ...only, length: wanted.length, taken });
      const place = found[0] as Place;
      const to = { ...place, length: wanted.length };
      const asked = performance.now();
      const fence = await this.database
        .tx((sql) => beginMove(sql, { id, from: wanted.blob, to, why, leaseSeconds: LEASE_SECONDS }))
        .catch((error: unknown) => {
          place.space.done(false);
          throw error;
        });
      if (typeof fence === 'number') {
        return { place, lease: new MoveLease(this.database, id, fence, asked, options.signal) };
      }
      place.space.done(false);
      if (fence !== 'taken') return fence;
      taken.add(place.domain);
      if (options.to === undefined) continue;
      return 'busy';
    }
    return 'busy';
  }

  private gather(moving: Moving, lease: MoveLease): Promise<Gathered> {
    const flows = (bytes: number): void => {
      moving.read += bytes;
      lease.flows();
    };
    const { id, shards } = moving;
    return this.sources.run({ id, shards, sources: this.sourcesOf(moving), signal: lease.signal, flows });
  }

  /**
   * What is moved stands, and is the first source; where that is what it is moved for, it is the last. Faulty ones are no
   * sources at all. Those of connections that failed lately, or were given up, come after the others.
   */
  private sourcesOf({ why, wanted, shards }: Moving): LyingShard[] {
    const there = shards.filter((row) => row.state === 'live' && row.fault === null && !row.removed);
    const rank = (row: LyingShard): number => {
      if (row === wanted) return why === 'repair' ? 3 : -1;
      if (row.given_up) return 2;
      return this.health.shunned(row.connection) === null ? 0 : 1;
    };
    return there.sort((a, b) => rank(a) - rank(b) || a.shard - b.shard);
  }

  /** The provider's checksum; undefined when the connection did not take it, which is noted. */
  private async put(
    moving: Moving,
    place: Place,
    lease: MoveLease,
    gathered: Gathered,
  ): Promise<string | null | undefined> {
    const body = gathered.body((bytes) => {
      moving.written += bytes;
      lease.flows();
    });
    try {
      const provider = await this.pool.provider(place.connection, place.replaceable ? 'short' : 'usual');
      const proof = await provider.put(place.name, body, { signal: lease.signal });
      place.space.done(true);
      return proof.checksum;
    } catch (error) {
      lease.signal.throwIfAborted();
      if (gathered.unlike) throw new ShardUnlike();
      this.place.note(place.connection, error, moving.failed);
      return undefined;
    }
  }

  /** When the answer to COMMIT was lost it is asked again: a swap that was made says so, one that was not is made. */
  private async swap({ id, wanted }: Moving, swap: Omit<Swap, 'from'>): Promise<MoveOutcome> {
    for (let look = 0; ; look += 1) {
      try {
        const outcome = await this.database.tx((sql) => swapMove(sql, id, { ...swap, from: wanted.blob }));
        if (outcome === 'lost') throw new MoveLost();
        if (outcome === 'gone') await this.database.tx((sql) => abandonMove(sql, id, swap.fence));
        return outcome;
      } catch (error) {
        if (look >= MOST_LOOKS || !passes(error)) throw error;
        await pause(LOOK_AGAIN_MS);
      }
    }
  }
}

interface Begun {
  readonly place: Place;
  readonly lease: MoveLease;
}

/** No place takes a shard now, and why. */
export function saysNowhere(error: unknown): error is Fault {
  return [SpreadUnmet, StorageAway, StorageFull, TooFewPlaces].some((kind) => error instanceof kind);
}

function passes(error: unknown): boolean {
  return error instanceof CommitUnknown || error instanceof DatabaseAway || error instanceof DatabaseBusy;
}
