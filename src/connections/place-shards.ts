import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { type Candidate, planShards, type ShardPlan } from '#dispersal';
import { ConnectionFull, type BlobName } from '#storage';
import { ConnectionHealth } from './connection-health.js';
import { ConnectionPool, type Patience } from './connection-pool.js';
import { isOfConnection, StorageAway, StorageFull, TooFewPlaces } from './errors.js';
import { SpaceLedger, type SpaceReservation } from './space-ledger.js';
import { Spreads } from './spreads.js';

/** Where one shard goes, its room set aside. */
export interface Place {
  readonly shard: number;
  readonly connection: string;
  readonly domain: string;
  readonly blob: string;
  readonly name: BlobName;
  readonly space: SpaceReservation;
  /** Whether another connection could take its place: then it is not waited for as long. */
  readonly replaceable: boolean;
}

export interface PlaceRequest {
  readonly account: string;
  /** The same for each try at the same chunk. */
  readonly seed: string;
  readonly shards: readonly number[];
  readonly length: number;
  /** Domains of the chunk's other shards. */
  readonly taken: ReadonlySet<string>;
  /** What failed for this chunk already; what fails here is added. */
  readonly failed: Map<string, 'away' | 'full'>;
  /** No other connection will do. */
  readonly to?: string;
}

/**
 * Finds a connection for each of some shards, in domains of their own, and sets room aside on it.
 * A connection that is full or away after all is planned around. All of them or none.
 */
@Injectable()
export class PlaceShards {
  private readonly log = new Logger('connections');

  constructor(
    private readonly spreads: Spreads,
    private readonly space: SpaceLedger,
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
  ) {}

  async run(request: PlaceRequest): Promise<Place[]> {
    const places: Place[] = [];
    try {
      for (let homeless = request.shards; homeless.length > 0;) {
        const taken = new Set([...request.taken, ...places.map(({ domain }) => domain)]);
        const plan = await this.plan({ ...request, shards: homeless, taken });
        const found = await this.reserve(plan, request);
        places.push(...found);
        homeless = homeless.filter((shard) => !found.some((place) => place.shard === shard));
      }
      return places;
    } catch (error) {
      for (const { space } of places) space.done(false);
      throw error;
    }
  }

  /** What a connection failed with: it is passed over from now on. Throws what is not the connection's doing. */
  note(connection: string, error: unknown, failed: PlaceRequest['failed']): void {
    if (!isOfConnection(error)) throw error;
    this.health.failed(connection, error);
    failed.set(connection, error instanceof ConnectionFull ? 'full' : 'away');
    if (error instanceof ConnectionFull) this.space.forget(connection);
    this.log.warn(`Connection ${connection} did not take a shard (${error.name}); another one is tried.`);
  }

  /** By what is known of their room; where that does not do, they are asked. */
  private async plan(request: PlaceRequest): Promise<ShardPlan> {
    const { candidates: all } = await this.spreads.plan(request.account);
    const candidates = request.to === undefined ? all : all.filter(({ id }) => id === request.to);
    const known = planShards(withFailures(candidates, request.failed), request);
    if (known.homeless.length === 0) return known;
    const asked = await Promise.all(candidates.map((candidate) => this.asked(candidate, request.failed)));
    const plan = planShards(withFailures(asked, request.failed), request);
    if (plan.homeless.length > 0) throw this.whyNot(plan, request, candidates);
    return plan;
  }

  /** Full is final until somebody makes room; away passes; too few places want another connection or another spread. */
  private whyNot(
    { hindrance, homeless }: ShardPlan,
    { shards, taken }: PlaceRequest,
    candidates: readonly Candidate[],
  ): Error {
    if (hindrance === 'full') return new StorageFull();
    const needed = shards.length + taken.size;
    if (hindrance === 'domains' && needed > 1) return new TooFewPlaces(needed, needed - homeless.length);
    return new StorageAway(this.health.opensIn(candidates.map(({ id }) => id)));
  }

  private async asked(candidate: Candidate, failed: PlaceRequest['failed']): Promise<Candidate> {
    if (failed.has(candidate.id)) return candidate;
    try {
      return { ...candidate, free: await this.space.free(candidate.id) };
    } catch (error) {
      if (!isOfConnection(error)) throw error;
      return { ...candidate, health: 'away' };
    }
  }

  private async reserve(plan: ShardPlan, request: PlaceRequest): Promise<Place[]> {
    const replaceable = plan.passedOver.some(({ reason }) => reason === 'not-needed');
    const patience = replaceable ? 'short' : 'usual';
    const places: Place[] = [];
    for (const { shard, connection, domain } of plan.places) {
      try {
        const space = await this.space.reserve(connection, request.length, patience);
        if (!space) throw new ConnectionFull();
        const name = await this.name(connection, space, patience);
        places.push({ shard, connection, domain, blob: randomUUIDv7(), name, space, replaceable });
      } catch (error) {
        try {
          this.note(connection, error, request.failed);
        } catch (other) {
          for (const { space } of places) space.done(false);
          throw other;
        }
      }
    }
    return places;
  }

  private async name(connection: string, space: SpaceReservation, patience: Patience): Promise<BlobName> {
    try {
      const provider = await this.pool.provider(connection, patience);
      return await provider.nameBlob();
    } catch (error) {
      space.done(false);
      throw error;
    }
  }
}

function withFailures(candidates: readonly Candidate[], failed: PlaceRequest['failed']): Candidate[] {
  return candidates.map((candidate) => {
    const how = failed.get(candidate.id);
    if (how === undefined) return candidate;
    return how === 'full' ? { ...candidate, free: 0 } : { ...candidate, health: 'away' };
  });
}
