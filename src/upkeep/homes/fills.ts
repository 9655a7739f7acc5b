import { type Candidate, planShards } from '#dispersal';
import type { HeldThere, ShardBeside } from './fills.store.js';

/** What a provider that tells no free space counts as, as placement has it. */
const UNKNOWN_FREE = 64 * 1024 ** 3;

/** So much apart the fills of connections may be before anything moves … */
export const BEGINS_AT = 0.2;
/** … and so much apart they are when it ends. No move goes where it is less: what begins at a fifth does not swing. */
export const ENDS_AT = 0.1;

/** How full connections are with what is ours, and which shards should move because of it. */
export class Fills {
  private readonly places: Map<string, { ours: number; room: number; candidate: Candidate }>;

  constructor(candidates: readonly Candidate[], held: readonly HeldThere[]) {
    const known = new Map(held.map((row) => [row.id, row]));
    this.places = new Map(
      candidates.flatMap((candidate) => {
        const row = known.get(candidate.id);
        return row ? [[candidate.id, { ours: row.ours, room: row.ours + freeOf(row), candidate }]] : [];
      }),
    );
  }

  /** Of a connection, between 0 and 1: what is ours there, of that and what is free. */
  of(id: string): number {
    const place = this.places.get(id);
    return place ? place.ours / Math.max(1, place.room) : 0;
  }

  /** The one that is fuller than any other it could give to by the most, with that difference. Null where there are none. */
  fullest(): { id: string; gap: number } | null {
    const gaps = [...this.places.values()].map(({ candidate }) => ({ id: candidate.id, gap: this.gap(candidate) }));
    return gaps.sort((a, b) => b.gap - a.gap)[0] ?? null;
  }

  /**
   * Where a shard on the fullest should lie: where it is drawn by what is free today. Null where it is drawn to stay, or
   * every place that it is drawn to is nearly as full. Counts it there from now on.
   */
  takes(from: string, shard: ShardBeside): string | null {
    const shards = Array.from({ length: shard.shards }, (_, nth) => nth);
    const seed = `${shard.content}/${shard.chunk}`;
    const { places } = planShards(this.today(), { shards, length: shard.length, seed });
    if (places.some(({ connection }) => connection === from)) return null;
    const open = places
      .filter(({ connection, domain }) => !shard.others.includes(connection) && !shard.domains.includes(domain))
      .filter(({ connection }) => this.of(from) - this.of(connection) > ENDS_AT)
      .sort((a, b) => this.of(a.connection) - this.of(b.connection));
    const to = open[0]?.connection;
    if (to === undefined) return null;
    this.places.get(from)!.ours -= shard.length;
    this.places.get(to)!.ours += shard.length;
    return to;
  }

  /** Nobody gives to what is meant to be filled later. */
  private gap({ id, priority, domain }: Candidate): number {
    const others = [...this.places.values()].filter(
      ({ candidate }) =>
        candidate.priority >= priority && candidate.domain !== domain && candidate.health !== 'unsteady',
    );
    return this.of(id) - Math.min(1, ...others.map(({ candidate }) => this.of(candidate.id)));
  }

  private today(): Candidate[] {
    return [...this.places.values()].map(({ candidate, ours, room }) => ({
      ...candidate,
      free: Math.max(0, room - ours),
    }));
  }
}

function freeOf({ free, most, ours }: HeldThere): number {
  return Math.max(0, Math.min(free ?? UNKNOWN_FREE, most === null ? Infinity : most - ours));
}
