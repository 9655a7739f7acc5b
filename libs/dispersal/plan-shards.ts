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
  /** How it has been lately. An unsteady one is used where no other will do, one that is away never. Healthy where not said. */
  readonly health?: 'healthy' | 'unsteady' | 'away';
  /** The largest blob that it takes. Any where not said. */
  readonly largestBlob?: number;
  /** How long it usually takes until a read is answered, where that is known. */
  readonly usualMs?: number;
}

export interface PlanRequest {
  /** The shards that need a place, data shards first. */
  readonly shards: readonly number[];
  /** How long each of them is. */
  readonly length: number;
  /** The same for every try at the same chunk: what is drawn depends on nothing else that changes. */
  readonly seed: string;
  /** Domains that other shards of the chunk lie in, or are on their way to. */
  readonly taken?: ReadonlySet<string>;
}

export interface ShardPlace {
  readonly shard: number;
  readonly connection: string;
  readonly domain: string;
  readonly why: string;
}

export type PassedOver = 'away' | 'full' | 'blob-too-large' | 'domain-taken' | 'not-needed';

export interface ShardPlan {
  readonly places: readonly ShardPlace[];
  readonly passedOver: readonly { connection: string; reason: PassedOver; why: string }[];
  /** Shards that found no place, and what would have helped: `away` passes by itself, `full` does not, `domains` wants another connection. */
  readonly homeless: readonly number[];
  readonly hindrance: 'away' | 'full' | 'domains' | null;
}

/** What a provider that tells no free space counts as: enough to be used, not enough to draw everything. */
const UNKNOWN_FREE = 64 * 1024 ** 3;

/**
 * Gives each shard of a chunk a connection in a failure domain of its own. Steady ones come before
 * unsteady ones, then higher priorities; among equals it is drawn with a chance in proportion to free
 * space (weighted rendezvous hashing), so that a file's chunks spread, a retry with the same seed draws
 * the same, and one connection more or less moves few. Of those drawn, the steady and then the quicker ones get the
 * first shards: data shards are what is read while nothing is missing.
 */
export function planShards(candidates: readonly Candidate[], request: PlanRequest): ShardPlan {
  const taken = new Set(request.taken);
  const chosen: Candidate[] = [];
  const passedOver: { candidate: Candidate; reason: PassedOver }[] = [];
  for (const candidate of ranked(candidates, request.seed)) {
    const reason = reasonAgainst(candidate, request.length, taken, chosen.length === request.shards.length);
    if (reason) {
      passedOver.push({ candidate, reason });
      continue;
    }
    taken.add(candidate.domain);
    chosen.push(candidate);
  }
  const places = request.shards.slice(0, chosen.length);
  return {
    places: chosen
      .toSorted((a, b) => unsteady(a) - unsteady(b) || slowness(a) - slowness(b))
      .map((candidate, nth) => ({
        shard: places[nth] as number,
        connection: candidate.id,
        domain: candidate.domain,
        why: whyChosen(candidate, chosen),
      })),
    passedOver: passedOver.map(({ candidate, reason }) => ({
      connection: candidate.id,
      reason,
      why: whyNot(candidate, reason, request.length),
    })),
    homeless: request.shards.slice(chosen.length),
    hindrance: hindranceOf(request.shards.length - chosen.length, taken, passedOver),
  };
}

function ranked(candidates: readonly Candidate[], seed: string): Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, draw: drawOf(candidate, seed) }))
    .sort(
      (a, b) =>
        unsteady(a.candidate) - unsteady(b.candidate) ||
        b.candidate.priority - a.candidate.priority ||
        b.draw - a.draw ||
        (a.candidate.id < b.candidate.id ? -1 : 1),
    )
    .map(({ candidate }) => candidate);
}

function unsteady({ health }: Candidate): number {
  return health === 'unsteady' ? 1 : 0;
}

function drawOf(candidate: Candidate, seed: string): number {
  const hash = createHash('sha256').update(seed).update(candidate.id).digest();
  const unit = (hash.readUIntBE(0, 6) + 1) / 2 ** 48;
  return -(candidate.free ?? UNKNOWN_FREE) / Math.log(unit * 0.999_999);
}

function reasonAgainst(
  candidate: Candidate,
  length: number,
  taken: ReadonlySet<string>,
  enough: boolean,
): PassedOver | null {
  if (candidate.health === 'away') return 'away';
  if (length > (candidate.largestBlob ?? Infinity)) return 'blob-too-large';
  if (candidate.free !== null && candidate.free < length) return 'full';
  if (taken.has(candidate.domain)) return 'domain-taken';
  return enough ? 'not-needed' : null;
}

/** Doublings of 50 ms: smaller differences are chance, and no reason to read from the same few for ever. */
function slowness({ usualMs }: Candidate): number {
  return usualMs === undefined ? 0 : Math.max(0, Math.floor(Math.log2(usualMs / 50)));
}

function hindranceOf(
  missing: number,
  taken: ReadonlySet<string>,
  passedOver: readonly { candidate: Candidate; reason: PassedOver }[],
): ShardPlan['hindrance'] {
  if (missing === 0) return null;
  const domains = (...reasons: PassedOver[]): number =>
    new Set(
      passedOver
        .filter(({ candidate, reason }) => reasons.includes(reason) && !taken.has(candidate.domain))
        .map(({ candidate }) => candidate.domain),
    ).size;
  if (domains('away') >= missing) return 'away';
  return domains('away', 'full') >= missing ? 'full' : 'domains';
}

function whyChosen(candidate: Candidate, chosen: readonly Candidate[]): string {
  if (candidate.health === 'unsteady') return 'It failed lately, but no other connection was left.';
  if (chosen.some((other) => other.priority !== candidate.priority)) {
    return `Connections are filled by priority, and its priority is ${candidate.priority}.`;
  }
  return candidate.free === null ? 'Drawn; its free space is not known.' : 'Drawn by its free space.';
}

function whyNot(candidate: Candidate, reason: PassedOver, length: number): string {
  switch (reason) {
    case 'away':
      return 'It cannot be reached at the moment.';
    case 'full':
      return `It has ${candidate.free} bytes free, and ${length} are needed.`;
    case 'blob-too-large':
      return `It takes at most ${candidate.largestBlob} bytes in one piece, and ${length} are needed.`;
    case 'domain-taken':
      return 'Another shard of the chunk lies in what fails together with it.';
    case 'not-needed':
      return 'Enough others came before it.';
  }
}
