/**
 * What was learned about how much a connection bears, from being told to slow down: shared by all gateways, as a note.
 *
 * Additive increase, multiplicative decrease, but with a memory: where it hurt is the ceiling, and after the decrease
 * the pace climbs back to four fifths of it and stays there, instead of running into the ceiling again and again. Only
 * after a long calm is the ceiling lifted by a quarter. So a service whose limit does not change is bothered seldom. A
 * ceiling that was met in a short burst says little about what can be kept up, and is tried again soon.
 */
export interface Learned {
  /** The higher one is the later one. */
  readonly version: number;
  /** Counts the times it hurt: what was sent before the last of them teaches nothing new. */
  readonly episode: number;
  /** Turns a second; null while nothing is known against the limits that were set. */
  readonly rate: number | null;
  readonly rateCeiling: number;
  /** Turns at once; the same. */
  readonly concurrency: number | null;
  readonly concurrencyCeiling: number;
  /** How far the ceiling is believed: 0 where it hurt in a short burst, which may have had other reasons. */
  readonly trust: number;
  /** Times in a row that it hurt, without an answer between. */
  readonly throttles: number;
  /** Times in a row that the circuit opened; 0: closed. While it is not, one request at a time tries. */
  readonly opened: number;
}

export const nothingLearned: Learned = {
  version: 0,
  episode: 0,
  rate: null,
  rateCeiling: 0,
  concurrency: null,
  concurrencyCeiling: 0,
  trust: 0,
  throttles: 0,
  opened: 0,
};

/** Slower than this nobody wants to go on with. */
const slowestRate = 0.2;
const comfortable = 0.8;
const climb = 0.1;
/** By how much a ceiling is lifted: one that is believed, and one that is not. */
const lift = 1.25;
const leap = 2;
/** It hurt again so near to where it had hurt before: that is where the limit is. */
const near = 0.6;
/** From one step of the climb to the next. */
const stepMs = 5_000;
/** At the top of the climb, before the ceiling is lifted. */
const holdMs = { believed: 600_000, doubted: 15_000 };

const backOffMs = { base: 1_000, cap: 64_000 };
const restMs = { base: 1_000, cap: 60_000 };

export interface Moment {
  /** Turns a second, just then. */
  readonly load: number;
  /** Requests under way. */
  readonly inHand: number;
  /** It had been going on like this for seconds. */
  readonly sustained: boolean;
}

/** Told to slow down. */
export function slowedDown(known: Learned, { load, inHand, sustained }: Moment): Learned {
  const rate = Math.max(slowestRate, Math.min(known.rate ?? Infinity, load));
  const places = Math.min(known.concurrency ?? Infinity, inHand);
  // One at a time cannot be too many at once.
  const crowded = places > 1;
  const again = known.rate !== null && rate >= near * known.rateCeiling;
  return {
    ...known,
    version: known.version + 1,
    episode: known.episode + 1,
    throttles: known.throttles + 1,
    rate: Math.max(slowestRate, rate / 2),
    rateCeiling: rate,
    trust: again ? known.trust + 1 : Number(sustained),
    concurrency: crowded ? Math.floor(places / 2) : known.concurrency,
    concurrencyCeiling: crowded ? places : known.concurrencyCeiling,
  };
}

/** After a calm of `calmBefore`: one step up, or the same where there is none to take. */
export function climbed(known: Learned, limits: { rate: number | null; concurrency: number }): Learned {
  if (known.rate === null && known.concurrency === null) return known;
  const lifted = !settled(known) ? 1 : known.trust > 0 ? lift : leap;
  const rateCeiling = known.rateCeiling * lifted;
  const concurrencyCeiling = lifted > 1 ? known.concurrencyCeiling + 1 : known.concurrencyCeiling;
  const rate = known.rate === null ? null : Math.min(comfortable * rateCeiling, known.rate + climb * rateCeiling);
  const places = known.concurrency === null ? null : Math.min(roomy(concurrencyCeiling), known.concurrency + 1);
  return {
    ...known,
    version: known.version + 1,
    rateCeiling,
    concurrencyCeiling,
    rate: rate !== null && limits.rate !== null && rate >= limits.rate ? null : rate,
    concurrency: places !== null && places >= limits.concurrency ? null : places,
  };
}

/** How long nothing may hurt before the next step up. */
export function calmBefore(known: Learned): number {
  if (!settled(known)) return stepMs;
  return known.trust > 0 ? holdMs.believed : holdMs.doubted;
}

/** Whether the climb is over: both stand as near to their ceilings as is comfortable. */
function settled({ rate, rateCeiling, concurrency, concurrencyCeiling }: Learned): boolean {
  const fast = rate === null || rate >= comfortable * rateCeiling;
  return fast && (concurrency === null || concurrency >= roomy(concurrencyCeiling));
}

function roomy(ceiling: number): number {
  return Math.max(1, Math.floor(comfortable * ceiling));
}

/** How long to leave it alone when it did not say: doubling, with jitter. */
export function backOff({ throttles }: Learned, random: number): number {
  return Math.min(backOffMs.cap, backOffMs.base * 2 ** Math.max(0, throttles - 1)) * (0.5 + random / 2);
}

export function circuitOpened(known: Learned): Learned {
  return { ...known, version: known.version + 1, episode: known.episode + 1, opened: known.opened + 1 };
}

/** How long an open circuit lets nothing through: doubling, up to a minute. */
export function restOf({ opened }: Learned): number {
  return Math.min(restMs.cap, restMs.base * 2 ** Math.max(0, opened - 1));
}

/** An answer has come: the circuit closes, and the next back-off begins small again. */
export function answered(known: Learned): Learned {
  if (known.opened === 0 && known.throttles === 0) return known;
  return { ...known, version: known.version + 1, opened: 0, throttles: 0 };
}

/** A note of another gateway, perhaps of another release: what is no such thing is not believed. */
export function readNote(note: string | null): Learned | null {
  if (note === null) return null;
  try {
    const told = { ...nothingLearned, ...(JSON.parse(note) as Partial<Learned>) };
    const { rate, concurrency, ...counts } = told;
    const numbers = [...Object.values(counts), rate ?? 1, concurrency ?? 1];
    return numbers.every((value) => Number.isFinite(value) && value >= 0) ? told : null;
  } catch {
    return null;
  }
}
