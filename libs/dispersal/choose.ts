import { type Candidate, planShards } from './plan-shards.js';

/** The connections for the shards of one chunk, in shard order; null when the rule cannot be met. See planShards. */
export function chooseConnections(
  candidates: readonly Candidate[],
  rule: { shards: number; length: number },
  seed: string,
): Candidate[] | null {
  const shards = Array.from({ length: rule.shards }, (_, shard) => shard);
  const { places, homeless } = planShards(candidates, { shards, length: rule.length, seed });
  const of = (id: string): Candidate => candidates.find((candidate) => candidate.id === id) as Candidate;
  return homeless.length > 0 ? null : places.map(({ connection }) => of(connection));
}
