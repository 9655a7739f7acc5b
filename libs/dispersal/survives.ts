import type { ShardCounts } from './code/erasure-code.js';

/** Where a shard lies, and whether it is there. */
export interface PlacedShard {
  readonly shard: number;
  /** What fails together with it; a spool is a domain of its own. */
  readonly domain: string;
  readonly there: boolean;
}

export interface Survival {
  /** So many more places may be lost, whichever they are. -1 when something cannot be read already. */
  readonly losses: number;
  /** Chunks that have fewer shards than were meant. */
  readonly weakened: number;
  readonly words: string;
}

/** How many more losses everything survives that consists of these chunks, each given by its shards. */
export function survives(counts: ShardCounts, chunks: Iterable<readonly PlacedShard[]>): Survival {
  let losses = counts.parity;
  let weakened = 0;
  for (const shards of chunks) {
    const of = chunkSurvives(counts, shards);
    losses = Math.min(losses, of);
    if (of < counts.parity) weakened += 1;
  }
  return survivalOf(counts, { losses, weakened });
}

/** The same from what was counted already. */
export function survivalOf(
  { parity }: Pick<ShardCounts, 'parity'>,
  { losses, weakened }: { losses: number; weakened: number },
): Survival {
  return { losses, weakened, words: inWords(parity, losses, weakened) };
}

/** What is left while some places are away, which are not lost: it comes back when they do. */
export function whileAway({ losses }: Pick<Survival, 'losses'>, away: number): Pick<Survival, 'losses' | 'words'> {
  const left = Math.max(-1, losses - away);
  const begins =
    away === 1
      ? 'One place is away for now; until it is back,'
      : `${away} places are away for now; until they are back,`;
  if (left < 0) return { losses: left, words: `${begins} some of it may not be read.` };
  if (left === 0) return { losses: left, words: `${begins} one more loss may leave some of it unreadable.` };
  return { losses: left, words: `${begins} it survives the loss of any ${further(left)}.` };
}

/** Places are lost whole, the fullest first: nothing worse can happen. A shard that lies twice counts once. */
function chunkSurvives(counts: ShardCounts, shards: readonly PlacedShard[]): number {
  const places = new Map<string, number>();
  const seen = new Set<number>();
  for (const { shard, domain, there } of shards) {
    if (!there || seen.has(shard)) continue;
    seen.add(shard);
    places.set(domain, (places.get(domain) ?? 0) + 1);
  }
  let left = seen.size;
  let losses = -1;
  for (const lost of [...places.values()].sort((a, b) => b - a)) {
    if (left < counts.data) break;
    losses += 1;
    left -= lost;
  }
  return losses;
}

function inWords(parity: number, losses: number, weakened: number): string {
  if (losses < 0) return 'Some of it cannot be read as things are: too many places are lost or away.';
  if (losses >= parity && parity === 0) return 'There is one copy: if a place is lost, what lies there is lost.';
  const now = losses === 0 ? 'Whole, but one more loss can lose data' : `Survives the loss of any ${places(losses)}`;
  if (weakened === 0) return `${now}.`;
  return `${now}; ${places(parity)} ${parity === 1 ? 'was' : 'were'} meant, and ${chunksAre(weakened)} waiting for repair.`;
}

function further(count: number): string {
  return count === 1 ? 'one further place' : `${count} further places`;
}

function places(count: number): string {
  return count === 1 ? 'one place' : `${count} places`;
}

function chunksAre(count: number): string {
  return count === 1 ? 'one chunk is' : `${count} chunks are`;
}
