import { Injectable } from '@nestjs/common';
import type { DurabilityOfAccount, DurabilityOfEntry } from '#contracts';
import { type Survival, survivalOf, whileAway } from '#dispersal';
import { Spreads } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { type Names, placesOf, Tree } from '../../files/index.js';
import { ShowPlacement } from '../../transfers/index.js';
import {
  type AtRisk,
  durabilityBelow,
  filesAtRisk,
  leastParity,
  movesOfAccount,
  placesOfAccount,
  type PlaceInTrouble,
  spooledOfAccount,
  type WeakCount,
  weakOfAccount,
} from './durability.store.js';
import { isAway, troubleOf } from './places-in-trouble.js';
import { whatIsDone } from './what-is-done.js';

const MOST_AT_RISK = 100;
/** A spool that holds more than this is told of as holding so many. */
const MOST_SPOOLED = 10_000;

type Figure = Omit<DurabilityOfEntry, 'type' | 'path'>;

/**
 * How many more losses survive a file, a folder, or all that an account stores; what is in danger, and what is done about
 * it. A file is looked at shard by shard; everything larger is told from the chunks that are known to be weak.
 */
@Injectable()
export class ShowDurability {
  constructor(
    private readonly database: Database,
    private readonly tree: Tree,
    private readonly placement: ShowPlacement,
    private readonly spreads: Spreads,
  ) {}

  async of(account: string, names: Names): Promise<DurabilityOfEntry> {
    const { id, type, path } = await this.tree.entry(account, names, { limit: 1 });
    const places = await placesOfAccount(this.database, account);
    if (type === 'file') {
      const { survives, readable, words, weakened, unreadable, chunks } = await this.placement.run(account, names);
      const held = new Set(chunks.flatMap(({ shards }) => shards.map(({ connection }) => connection)));
      const away = places.filter((place) => isAway(place) && held.has(place.id));
      const survival = { losses: readable ? survives : -1, weakened, words };
      return { type, path, ...figure(survival, unreadable, away) };
    }
    const { parity, ...weak } = await durabilityBelow(this.database, account, id);
    return { type, path, ...this.counted(parity, weak, places) };
  }

  async ofAccount(account: string): Promise<DurabilityOfAccount> {
    const [places, parity, weak, moves, spooled, spread] = await Promise.all([
      placesOfAccount(this.database, account),
      leastParity(this.database, account),
      weakOfAccount(this.database, account),
      movesOfAccount(this.database, account),
      spooledOfAccount(this.database, account, MOST_SPOOLED),
      this.spreads.of(account),
    ]);
    const atRisk = weak.weakened === 0 ? [] : await this.atRisk(account);
    return {
      ...this.counted(parity, weak, places),
      atRisk,
      places: places.flatMap((place) => troubleOf(place) ?? []),
      doing: whatIsDone({ weak, moves, spooled, places, spread }),
    };
  }

  /** What lies on a place that was just given up is being counted: until then all of it may be weaker by that place. */
  private counted(parity: number | null, weak: WeakCount, places: readonly PlaceInTrouble[]): Figure {
    const meant = parity ?? 0;
    const uncounted = domainsOf(places.filter((place) => place.given_up && !place.counted && place.holds));
    const losses = Math.max(-1, Math.min(meant - uncounted, weak.survives ?? meant));
    const survival =
      parity === null
        ? { losses: 0, weakened: 0, words: 'Nothing is stored here.' }
        : survivalOf({ parity }, { losses, weakened: weak.weakened });
    const away = places.filter((place) => isAway(place) && place.holds);
    return figure(survival, weak.unreadable, parity === null ? [] : away);
  }

  private async atRisk(account: string): Promise<DurabilityOfAccount['atRisk']> {
    const rows = await filesAtRisk(this.database, account, MOST_AT_RISK);
    const where = await placesOf(
      this.database,
      account,
      rows.map(({ file }) => file),
    );
    return rows.flatMap((row) => {
      const place = where.get(row.file);
      return place ? [{ ...place, ...risk(row) }] : [];
    });
  }
}

function risk({
  survives,
  parity,
  weakened,
  since,
}: AtRisk): Omit<DurabilityOfAccount['atRisk'][number], 'path' | 'inTrash'> {
  const { words } = survivalOf({ parity }, { losses: survives, weakened });
  return { survives: Math.max(0, survives), readable: survives >= 0, weakened, since: since.toISOString(), words };
}

function figure(survival: Survival, unreadable: number, away: readonly PlaceInTrouble[]): Figure {
  const { losses, weakened, words } = survival;
  const places = domainsOf(away);
  const left = places > 0 ? whileAway(survival, places) : null;
  return {
    survives: Math.max(0, losses),
    readable: losses >= 0,
    words,
    weakened,
    unreadable,
    away: left && { places, survives: Math.max(0, left.losses), readable: left.losses >= 0, words: left.words },
  };
}

/** Connections that fail together count once. */
function domainsOf(places: readonly PlaceInTrouble[]): number {
  return new Set(places.map(({ domain }) => domain)).size;
}
