import type { Clock } from '../clock.js';
import type { RequestOutcome } from '../request-gate.js';
import type { GateLimits } from './flows.js';
import * as learning from './learned.js';
import type { TurnAnswer } from './turnstile.js';

/** Failures in a row that open the circuit. */
const failuresToOpen = 5;

/** What a gateway makes of the outcomes that it sees and of what the others tell: how long to pause, and how fast to go on. */
export class Experience {
  known = learning.nothingLearned;
  pausedUntil = -Infinity;
  /** Others that were seen at the turnstile lately. */
  others = 0;
  private load = 0;
  private failures = 0;
  /** Requests a second that went out here: over the last second, and over the last ten. */
  private lately = 0;
  private longer = 0;
  private wentAt = 0;
  private steppedAt: number;
  private saidVersion = 0;

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly limits: () => GateLimits,
  ) {
    this.steppedAt = clock.now();
  }

  pausedMs(): number {
    return Math.max(0, this.pausedUntil - this.clock.now());
  }

  /** A request goes out. */
  went(): void {
    this.decay();
    this.lately += 1;
    this.longer += 0.1;
  }

  /** What the others have to be told, if anything. */
  toSay(): { version: number; most: number | null; note: string } | undefined {
    const { version, opened, concurrency } = this.known;
    if (version <= this.saidVersion) return undefined;
    return { version, most: opened > 0 ? 1 : concurrency, note: JSON.stringify(this.known) };
  }

  wasSaid({ version }: { version: number }): void {
    this.saidVersion = Math.max(this.saidVersion, version);
  }

  hear({ pauseMs, load, others, note }: TurnAnswer): void {
    this.load = load;
    this.others = others;
    if (pauseMs > 0) this.pause(pauseMs);
    const told = learning.readNote(note);
    if (told && told.version > this.known.version) {
      this.known = told;
      this.saidVersion = told.version;
      this.steppedAt = this.clock.now();
    } else {
      // Less than was said before: what is shared was lost, and it is said again with the next question.
      this.saidVersion = Math.min(this.saidVersion, told?.version ?? 0);
    }
  }

  /**
   * `timely`: sent after the last bad news. What was sent before says nothing that was not known by then, unless it
   * names a time. `crowd`: how many were under way.
   */
  learn(outcome: RequestOutcome, timely: boolean, crowd: number): void {
    if (outcome.kind === 'throttled') return this.learnThrottled(outcome.afterMs, timely, crowd);
    if (!timely) return;
    if (outcome.kind === 'failed') {
      this.failures += 1;
      if (this.known.opened > 0 || this.failures >= failuresToOpen) this.openCircuit();
      return;
    }
    this.failures = 0;
    this.known = learning.answered(this.known);
    this.climb();
  }

  private learnThrottled(afterMs: number | null, timely: boolean, crowd: number): void {
    if (timely) {
      this.failures = 0;
      const inHand = crowd * (this.others + 1);
      this.known = learning.slowedDown(this.known, { load: this.load, inHand, sustained: this.sustained() });
      this.steppedAt = this.clock.now();
    }
    if (afterMs !== null) this.pause(afterMs);
    else if (timely) this.pause(learning.backOff(this.known, this.random()));
  }

  private decay(): void {
    const now = this.clock.now();
    this.lately *= Math.exp((this.wentAt - now) / 1000);
    this.longer *= Math.exp((this.wentAt - now) / 10_000);
    this.wentAt = now;
  }

  /** The pace of the last seconds is that of now, and no burst after a rest. */
  private sustained(): boolean {
    this.decay();
    return this.longer >= this.lately / 5;
  }

  private openCircuit(): void {
    this.failures = 0;
    this.known = learning.circuitOpened(this.known);
    this.pause(learning.restOf(this.known));
  }

  private pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.clock.now() + ms);
  }

  private climb(): void {
    const calm = this.clock.now() - this.steppedAt;
    if (calm < learning.calmBefore(this.known)) return;
    this.steppedAt = this.clock.now();
    const { requestsPerSecond, concurrency } = this.limits();
    this.known = learning.climbed(this.known, { rate: requestsPerSecond, concurrency });
  }
}
