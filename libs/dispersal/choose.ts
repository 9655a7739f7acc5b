import { createHash } from 'node:crypto';

/** A connection as placement sees it. */
export interface Candidate {
  readonly id: string;
  /** What fails together with it. */
  readonly domain: string;
  /** Bytes that may still go there; null where the provider does not tell. */
  readonly free: number | null;
  /** Higher ones are filled first. */
  readonly priority: number;
}

/** What a provider that tells no free space counts as: enough to be used, not enough to draw everything. */
const UNKNOWN_FREE = 64 * 1024 ** 3;

/**
 * The connections for the shards of one chunk, in shard order: distinct failure domains, drawn with
 * a chance in proportion to their free space (weighted rendezvous hashing), so that a file's chunks
 * spread and a retry with the same seed draws the same. Null when the rule cannot be met.
 */
export function chooseConnections(
  candidates: readonly Candidate[],
  rule: { shards: number; length: number },
  seed: string,
): Candidate[] | null {
  const ranked = candidates
    .filter((candidate) => candidate.free === null || candidate.free >= rule.length)
    .map((candidate) => ({ candidate, draw: drawOf(candidate, seed) }))
    .sort((a, b) => b.candidate.priority - a.candidate.priority || b.draw - a.draw);
  const chosen: Candidate[] = [];
  const domains = new Set<string>();
  for (const { candidate } of ranked) {
    if (domains.has(candidate.domain)) continue;
    domains.add(candidate.domain);
    chosen.push(candidate);
    if (chosen.length === rule.shards) return chosen;
  }
  return null;
}

function drawOf(candidate: Candidate, seed: string): number {
  const hash = createHash('sha256').update(seed).update(candidate.id).digest();
  const unit = (hash.readUIntBE(0, 6) + 1) / 2 ** 48;
  return -(candidate.free ?? UNKNOWN_FREE) / Math.log(unit * 0.999_999);
}
