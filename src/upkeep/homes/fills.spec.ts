import { describe, expect, it } from 'vitest';
import type { Candidate } from '#dispersal';
import { Fills } from './fills.js';
import type { ShardBeside } from './fills.store.js';

const ROOM = 1_000_000;
const LENGTH = 1_000;

const candidate = (id: string, priority = 0): Candidate => ({ id, domain: id, free: 0, priority, health: 'healthy' });

/** Single copies on connections with room for a thousand each. */
class World {
  readonly at = new Map<string, string>();
  readonly moves = new Map<string, number>();

  constructor(readonly candidates: readonly Candidate[]) {}

  store(connection: string, count: number): void {
    for (let nth = 0; nth < count; nth += 1) this.at.set(`${connection}-${nth}`, connection);
  }

  count(connection: string): number {
    return [...this.at.values()].filter((place) => place === connection).length;
  }

  fills(): Fills {
    const held = this.candidates.map(({ id }) => {
      const ours = this.count(id) * LENGTH;
      return { id, ours, free: ROOM - ours, most: null };
    });
    return new Fills(this.candidates, held);
  }

  /** One job: a pass over what lies on the fullest. */
  pass(): number {
    const from = this.fills().fullest()!.id;
    const fills = this.fills();
    let moved = 0;
    for (const [content, place] of [...this.at]) {
      if (place !== from || fills.fullest()!.gap <= 0.1) continue;
      const to = fills.takes(from, shard(content));
      if (to === null) continue;
      this.at.set(content, to);
      this.moves.set(content, (this.moves.get(content) ?? 0) + 1);
      moved += 1;
    }
    return moved;
  }

  /** Passes until nothing moves. */
  settle(): void {
    for (let passes = 0; this.fills().fullest()!.gap > 0.2 && this.pass() > 0; passes += 1) {
      if (passes > 20) throw new Error('It does not come to rest.');
    }
  }
}

function shard(content: string): ShardBeside {
  const id = { account: 'me', content, chunk: 0, shard: 0, blob: content, name: content };
  return { ...id, length: LENGTH, shards: 1, others: [], domains: [] };
}

describe('what lies on connections that are filled differently', () => {
  it('goes to a new one until they are filled alike, and nothing moves twice', () => {
    const world = new World(['a', 'b', 'new'].map((id) => candidate(id)));
    world.store('a', 600);
    world.store('b', 600);
    world.settle();
    expect(world.fills().fullest()!.gap).toBeLessThanOrEqual(0.2);
    expect(world.count('new')).toBeGreaterThan(250);
    expect(Math.max(...world.moves.values())).toBe(1);
  });

  it('stays where the difference is small, and comes to rest whatever it was', () => {
    for (const [a, b, c] of [
      [500, 400, 310],
      [990, 0, 0],
      [900, 890, 5],
      [10, 300, 800],
    ] as const) {
      const world = new World(['a', 'b', 'c'].map((id) => candidate(id)));
      world.store('a', a);
      world.store('b', b);
      world.store('c', c);
      const alike = Math.max(a, b, c) - Math.min(a, b, c) <= 200;
      world.settle();
      expect(world.moves.size > 0).toBe(!alike);
      expect(world.fills().fullest()!.gap).toBeLessThanOrEqual(0.3);
    }
  });

  it('does not leave a connection that is meant to be filled first', () => {
    const world = new World([candidate('first', 1), candidate('later')]);
    world.store('first', 900);
    expect(world.fills().fullest()!.gap).toBeLessThanOrEqual(0);
    world.settle();
    expect(world.count('first')).toBe(900);
  });

  it('never goes where another shard of its chunk lies', () => {
    const world = new World(['a', 'b', 'c'].map((id) => candidate(id)));
    world.store('a', 900);
    const beside = { others: ['b', 'c'], domains: ['b', 'c'], shards: 3 };
    for (const content of world.at.keys())
      expect(world.fills().takes('a', { ...shard(content), ...beside })).toBeNull();
  });
});
