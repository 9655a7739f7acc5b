import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { type Candidate, type PassedOver, planShards, type ShardPlan } from '#dispersal';
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
  /** The connection that it waits for, where this is the spool. */
  readonly home: string | null;
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
  /** Whether one of them may wait in the spool: none of the chunk's other shards does, and the spread has parity. */
  readonly spool?: boolean;
}

type HomedPlan = ShardPlan & { readonly homes: ReadonlyMap<number, string>; readonly standby: boolean };

/**
 * Finds a connection for each of some shards, in domains of their own, and sets room aside on it.
 * A connection that is full or away after all is planned around; where nothing is left but a spool, one shard may wait
 * there for the connection that is away or full. All of them or none.
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
    const before = new Set(request.failed.keys());
    try {
      return await this.find(request, request.spool === true);
    } catch (error) {
      // The spool stood by, so nobody was waited for; it takes one, and more were away: then they are waited for.
      if (!(error instanceof StorageAway) || request.spool !== true) throw error;
      const hasty = [...request.failed].filter(([id, how]) => how === 'away' && !before.has(id));
      if (hasty.length === 0) throw error;
      for (const [id] of hasty) request.failed.delete(id);
      return this.find(request, false);
    }
  }

  private async find(request: PlaceRequest, hasty: boolean): Promise<Place[]> {
    const places: Place[] = [];
    try {
      for (let homeless = request.shards; homeless.length > 0;) {
        const taken = new Set([...request.taken, ...places.map(({ domain }) => domain)]);
        const spool = request.spool === true && places.every(({ home }) => home === null);
        const plan = await this.plan({ ...request, shards: homeless, taken, spool });
        const found = await this.reserve(plan, request, hasty);
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
  private async plan(request: PlaceRequest): Promise<HomedPlan> {
    const { candidates: all, spools } = await this.spreads.plan(request.account);
    const candidates = request.to === undefined ? all : all.filter(({ id }) => id === request.to);
    const known = planShards(withFailures(candidates, request.failed), request);
    const standby = request.spool === true && standsBy(spools, known, request);
    if (known.homeless.length === 0) return { ...known, homes: new Map(), standby };
    const asked = await Promise.all(candidates.map((candidate) => this.asked(candidate, request.failed)));
    const plan = planShards(withFailures(asked, request.failed), request);
    if (plan.homeless.length === 0) return { ...plan, homes: new Map(), standby };
    const spooled = request.spool === true ? await this.intoSpool(plan, request, { spools, candidates }) : null;
    if (!spooled) throw this.whyNot(plan, request, candidates);
    return spooled;
  }

  /**
   * The one shard that is homeless waits in a spool for a connection that is away or full. The spool is held to what holds
   * for every place: a domain of its own, so that the loss of any one place costs one shard also while it waits.
   */
  private async intoSpool(
    plan: ShardPlan,
    request: PlaceRequest,
    { spools, candidates }: { spools: readonly Candidate[]; candidates: readonly Candidate[] },
  ): Promise<HomedPlan | null> {
    if (plan.homeless.length !== 1 || plan.hindrance === 'domains') return null;
    const taken = new Set([...request.taken, ...plan.places.map(({ domain }) => domain)]);
    const domains = new Map(candidates.map(({ id, domain }) => [id, domain]));
    const waitsFor = plan.passedOver
      .filter(({ reason, connection }) => isHindered(reason) && !taken.has(domains.get(connection) ?? ''))
      .sort((a, b) => (a.reason < b.reason ? -1 : 1))[0]?.connection;
    const asked = await Promise.all(spools.map((spool) => this.asked(spool, request.failed)));
    const spooled = planShards(withFailures(asked, request.failed), { ...request, shards: plan.homeless, taken });
    if (waitsFor === undefined || spooled.homeless.length > 0) return null;
    const homes = new Map(plan.homeless.map((shard) => [shard, waitsFor]));
    return { ...plan, places: [...plan.places, ...spooled.places], homeless: [], homes, standby: false };
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

  private async reserve(plan: HomedPlan, request: PlaceRequest, hasty: boolean): Promise<Place[]> {
    const spare = plan.passedOver.some(({ reason }) => reason === 'not-needed');
    const replaceable = spare || plan.standby;
    const patience = spare || (hasty && plan.standby) ? 'short' : 'usual';
    const places: Place[] = [];
    for (const { shard, connection, domain } of plan.places) {
      try {
        const space = await this.space.reserve(connection, request.length, patience);
        if (!space) throw new ConnectionFull();
        const name = await this.name(connection, space, patience);
        const home = plan.homes.get(shard) ?? null;
        places.push({ shard, connection, domain, blob: randomUUIDv7(), name, space, replaceable, home });
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

/** Whether one of these could still take a shard, were one of the places to fail. */
function standsBy(spools: readonly Candidate[], plan: ShardPlan, { taken, failed, length }: PlaceRequest): boolean {
  const used = new Set([...taken, ...plan.places.map(({ domain }) => domain)]);
  return spools.some(({ id, domain, free }) => !failed.has(id) && !used.has(domain) && (free ?? length) >= length);
}

/** `away` sorts before `full`: it passes by itself. */
function isHindered(reason: PassedOver): boolean {
  return reason === 'away' || reason === 'full';
}

function withFailures(candidates: readonly Candidate[], failed: PlaceRequest['failed']): Candidate[] {
  return candidates.map((candidate) => {
    const how = failed.get(candidate.id);
    if (how === undefined) return candidate;
    return how === 'full' ? { ...candidate, free: 0 } : { ...candidate, health: 'away' };
  });
}
