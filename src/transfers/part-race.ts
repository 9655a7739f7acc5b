import type { Clock } from '#storage';
import { ShardFailed, type Step, Way } from './way.js';

export interface RaceRules {
  readonly clock: Clock;
  /**
   * Another way to the bytes from the one that was reached on, without the late shards. Null where there is none, or not
   * now: then it is asked for again after `againMs`. What it throws ends the race.
   */
  readonly another: (reached: number, late: ReadonlySet<number>) => Way | null;
  readonly againMs: number;
  /** Told how it ended where another way was tried, and which shards had not answered when it did. */
  readonly decided: (anotherWon: boolean, silent: readonly number[]) => void;
}

/**
 * The bytes of a part by the first way, unless a shard of it is late: then another way is tried beside it, and who answers
 * first is read on from. Beside the one there is never more than one other under way, which is exchanged when it is late
 * as well. Who loses is aborted and not waited for: it may be a place that hangs. What was granted for another way is
 * given back when all that lost have let go.
 */
export async function* raced(first: Way, rules: RaceRules): AsyncGenerator<Buffer> {
  const race = new Race(first, rules);
  try {
    for (let piece = await race.next(); piece !== null; piece = await race.next()) yield piece;
  } finally {
    await race.close();
  }
}

class Race {
  private readonly late = new Set<number>();
  private readonly leaving: Promise<void>[] = [];
  private readonly all: Way[];
  private ways: Way[];
  private reached = 0;

  constructor(
    private readonly first: Way,
    private readonly rules: RaceRules,
  ) {
    this.all = [first];
    this.ways = [first];
  }

  /** Null at the end. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      const step = await this.firstStep();
      if (step === null) {
        this.tryAnother();
        continue;
      }
      const { way } = step;
      way.taken();
      if ('error' in step) {
        this.ways = this.ways.filter((one) => one !== way);
        if (this.ways.length === 0 || !(step.error instanceof ShardFailed)) throw step.error;
        continue;
      }
      this.decide(way);
      if (step.result.done) return null;
      this.reached += step.result.value.length;
      return step.result.value;
    }
  }

  async close(): Promise<void> {
    const [way] = this.ways;
    if (this.ways.length === 1 && way?.nextDue === Infinity) await way.end();
    else this.drop(this.ways);
    const held = this.all.map((one) => one.held).filter((one) => one !== null);
    if (held.length > 0) void Promise.all(this.leaving).then(() => held.forEach((allowance) => allowance.release()));
  }

  /** Null when a shard is late before any way has brought something. */
  private async firstStep(): Promise<Step | null> {
    const steps = this.ways.map((way) => way.next());
    // They have asked by now: it is known who owes an answer until when.
    const due = Math.min(...this.ways.map((way) => way.nextDue));
    if (due === Infinity) return Promise.race(steps);
    const { clock } = this.rules;
    const timer = new AbortController();
    const late = clock.sleep(Math.max(0, due - clock.now()), timer.signal).then(
      () => null,
      () => null,
    );
    try {
      return await Promise.race([...steps, late]);
    } finally {
      timer.abort();
    }
  }

  private tryAnother(): void {
    const now = this.rules.clock.now();
    const [before, beside] = this.ways;
    const tardy = this.ways.map((way) => way.lateAt(now));
    for (const shard of tardy.flat()) this.late.add(shard);
    for (const shard of this.late) if (this.ways.some((way) => way.hasAnswered(shard))) this.late.delete(shard);
    const again = now + this.rules.againMs;
    this.ways.forEach((way, nth) => tardy[nth]?.forEach((shard) => way.expect(shard, again)));
    if (beside && tardy[1]?.length === 0) return;
    const other = this.rules.another(this.reached, this.late);
    if (!other) {
      // Somebody may have been late once, and would answer now.
      this.late.clear();
      return;
    }
    this.all.push(other);
    if (beside) this.drop([beside]);
    this.ways = [before as Way, other];
  }

  private decide(winner: Way): void {
    const losers = this.ways.filter((way) => way !== winner);
    if (losers.length === 0) return;
    const lost = this.all.filter((way) => way !== winner);
    const silent = [...this.late].filter((shard) => lost.some((way) => way.awaits(shard)));
    this.rules.decided(winner !== this.first, silent);
    this.drop(losers);
  }

  private drop(dropped: readonly Way[]): void {
    this.leaving.push(...dropped.map((way) => way.abandon()));
    this.ways = this.ways.filter((way) => !dropped.includes(way));
  }
}
