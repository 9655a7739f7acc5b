import type { DurabilityOfAccount } from '#contracts';
import type { PlaceInTrouble, WeakCount } from './durability.store.js';
import { takesShards } from './places-in-trouble.js';

type Doing = DurabilityOfAccount['doing'][number];

export interface Work {
  readonly weak: WeakCount;
  readonly moves: readonly { why: string; shards: number }[];
  readonly spooled: number;
  readonly places: readonly PlaceInTrouble[];
  /** How new chunks are spread; the lost ones of others are made anew by the same places. */
  readonly spread: { readonly data: number; readonly parity: number; readonly connections: readonly string[] | null };
}

/** What is on its way for an account, and what waits, with the reason. */
export function whatIsDone(work: Work): Doing[] {
  const running = new Map(work.moves.map(({ why, shards }) => [why, shards]));
  const doing: Doing[] = [];
  const add = (what: Doing['what'], waiting: number, words: string): void => {
    const now = running.get(what) ?? 0;
    running.delete(what);
    if (now > 0 || waiting > 0) doing.push({ what, running: now, waiting, words });
  };
  add('repair', work.weak.weakened, repairInWords(work));
  const drained = work.places.filter(({ draining, holds }) => draining && holds);
  add('drain', drained.length, `Emptying ${drained.map(({ label }) => `“${label}”`).join(', ')}.`);
  add('homecoming', work.spooled, 'Shards wait in the spool until the place that they are for takes them.');
  add('rebalance', 0, 'Moving shards from full places to those with more room.');
  add('re-spread', 0, 'Bringing files to the spread that was chosen since.');
  return doing;
}

function repairInWords({ weak, places, spread }: Work): string {
  const { weakened, unreadable } = weak;
  if (weakened > 0 && unreadable === weakened)
    return 'Too few shards are left to make the others anew: it waits for a place to come back.';
  const needed = spread.data + spread.parity;
  const chosen = places.filter(({ id }) => spread.connections === null || spread.connections.includes(id));
  const domains = new Set(chosen.filter(takesShards).map(({ domain }) => domain)).size;
  if (domains < needed) {
    return `Waits for another place: each chunk needs ${needed} that fail apart from each other, and ${domains} ${domains === 1 ? 'takes' : 'take'} shards now. Connect another cloud.`;
  }
  return 'Lost shards are made anew from the others, those in the most danger first.';
}
