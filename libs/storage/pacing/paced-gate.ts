import { randomInt } from 'node:crypto';
import { type Clock, systemClock } from '../clock.js';
import { ConnectionResting, Throttled } from '../errors.js';
import type { GatedRequest, Pass, RequestGate, RequestOutcome } from '../request-gate.js';
import { flowsFor, type GateLimits } from './flows.js';
import { Experience } from './experience.js';
import type { Learned } from './learned.js';
import type { TurnAnswer, Turnstile } from './turnstile.js';
import { type Waiting, WaitingLines } from './waiting-lines.js';

export interface PacedGateOptions {
  readonly turnstile: Turnstile;
  /** Who this is among those who share the turnstile. */
  readonly holder: () => string;
  readonly limits: GateLimits;
  readonly clock?: Clock;
  /** A number in [0, 1). */
  readonly random?: () => number;
  /** Told of every request that went out, when its pass ends. */
  readonly observe?: (request: GatedRequest, outcome: RequestOutcome) => void;
}

export interface GateState {
  /** For how long nothing goes out. */
  readonly pausedMs: number;
  /** It is left alone because it failed, not because it asked for it. */
  readonly resting: boolean;
  /** How long a request would wait now. */
  readonly backlogMs: number;
  readonly waiting: number;
  /** How many requests it takes at once, as far as is known. */
  readonly places: number;
  readonly inHand: number;
  readonly learned: Learned;
}

/** A request that would wait longer than this in line is refused at once. */
export const patienceMs = 10_000;
/** Nor is a longer pause sat out. */
const shortPauseMs = 2_000;
/** Who holds turns says so this often, also when nothing else is to be said. */
const retellMs = 10_000;
const pauseRetoldMs = 1_000;
/** What was given back is told so late where nobody else was seen: often the next question comes before, and tells it. */
const lazyMs = 250;

/**
 * The gate of one connection in one gateway: lines of waiting requests, and one pump that takes turns for them at the
 * turnstile, which all gateways share.
 *
 * Fair: each kind of request has a line, first come, first served; the lines take turns, so that a thousand uploads do
 * not stand before a download, and the turnstile does the same for gateways.
 * Free of deadlock: whoever waits here holds no pass (a call has one at a time), so every pass ends without anybody in
 * line having to move; and no wait is longer than `patienceMs`.
 * Cancelling: a request that is aborted leaves its line at once. If its turn was just being taken, the turn goes to the
 * next in line, or back.
 *
 * The order at a throttle: the pause stands in this gateway before `end` returns, so nothing of ours goes out any more,
 * not even a turn that is on its way back from the turnstile; then the others are told. They hear of it with their next
 * turn, without which none of their requests goes out.
 */
export class PacedGate implements RequestGate {
  private readonly clock: Clock;
  private readonly experience: Experience;
  private readonly lines = new WaitingLines();
  private limits: GateLimits;
  private inHand = 0;
  /** What a request takes, from its turn to its end: a moving average. */
  private usualMs = 0;
  private toldAt = -Infinity;
  /** Since when something is to be told; null: nothing is. */
  private untoldSince: number | null = null;
  private pumping = false;
  private wake: (() => void) | null = null;

  constructor(private readonly options: PacedGateOptions) {
    this.clock = options.clock ?? systemClock;
    this.limits = options.limits;
    this.experience = new Experience(
      this.clock,
      options.random ?? (() => randomInt(2 ** 32) / 2 ** 32),
      () => this.limits,
    );
  }

  async enter(request: GatedRequest, signal?: AbortSignal): Promise<Pass> {
    signal?.throwIfAborted();
    const pausedMs = this.experience.pausedMs();
    if (pausedMs > shortPauseMs) {
      // Said again now and then: what is shared may have been lost.
      if (this.clock.now() - this.toldAt > pauseRetoldMs) this.tell();
      throw this.refusal(pausedMs);
    }
    const backlogMs = this.backlogMs(request);
    if (backlogMs > patienceMs) throw new Throttled(backlogMs);
    const waiting = this.lines.join(request, this.clock.now() + patienceMs, signal);
    this.nudge();
    return waiting;
  }

  /** Says again, now and then, what the others may have lost: a pause outlives what is shared. */
  remind(): void {
    if (this.experience.pausedMs() > 0) this.tell();
  }

  setLimits(limits: GateLimits): void {
    this.limits = limits;
    this.lines.forgetDelays();
    this.nudge();
  }

  state(): GateState {
    return {
      pausedMs: this.experience.pausedMs(),
      resting: this.experience.known.opened > 0,
      backlogMs: this.backlogMs({ kind: 'upload' }),
      waiting: this.lines.length,
      places: this.most(),
      inHand: this.inHand,
      learned: this.experience.known,
    };
  }

  private refusal(ms: number): Error {
    return this.experience.known.opened > 0 ? new ConnectionResting(ms) : new Throttled(ms);
  }

  /** Those before it, at the pace of the flow or of the places, whichever is slower; what the turnstile said last counts, too. */
  private backlogMs(request: GatedRequest): number {
    const { kind } = request;
    const cost = Math.max(0, ...flowsFor(request, this.limits, this.experience.known).map(({ costMs }) => costMs));
    const places = this.most();
    const before = Math.max(0, this.lines.length + this.inHand + 1 - places);
    const byPlaces = (before * this.usualMs) / places;
    return Math.max(this.lines.delayOf(kind, this.clock.now()) + this.lines.lengthOf(kind) * cost, byPlaces);
  }

  private most(): number {
    return this.experience.known.opened > 0
      ? 1
      : Math.min(this.limits.concurrency, this.experience.known.concurrency ?? Infinity);
  }

  /** The pump goes on, or begins. */
  private nudge(): void {
    this.wake?.();
    if (!this.pumping) void this.pump();
  }

  private tell(): void {
    this.untoldSince ??= this.clock.now();
    this.nudge();
  }

  /** When what is untold has to be told. */
  private tellAt(): number {
    if (this.untoldSince === null) return this.toldAt + retellMs;
    const urgent =
      this.experience.others > 0 || this.experience.pausedMs() > 0 || this.experience.toSay() !== undefined;
    return urgent ? this.untoldSince : this.untoldSince + lazyMs;
  }

  private async pump(): Promise<void> {
    this.pumping = true;
    try {
      while (this.untoldSince !== null || this.lines.length > 0 || this.inHand > 0) await this.once();
    } finally {
      this.pumping = false;
    }
  }

  /** One question to the turnstile, or one sleep. */
  private async once(): Promise<void> {
    const now = this.clock.now();
    const pausedMs = this.experience.pausedMs();
    if (pausedMs > 0) this.lines.refuse((kind) => this.refusesIn(kind, pausedMs), this.refusal(pausedMs));
    this.lines.refuseLate(now, (ms) => new Throttled(ms));
    const next = pausedMs > 0 || this.inHand >= this.most() ? null : this.lines.next(now);
    if (next) return this.take(next);
    const tellAt = this.tellAt();
    if (tellAt <= now) return void (await this.ask(null));
    const until = Math.min(this.lines.nextAt(now), tellAt, pausedMs > 0 ? this.experience.pausedUntil : Infinity);
    await this.sleep(Math.max(1, until - now));
  }

  /** A pause is sat out when it is short and ends before patience does. */
  private refusesIn({ deadline }: Waiting, pausedMs: number): boolean {
    return pausedMs > shortPauseMs || this.clock.now() + pausedMs > deadline;
  }

  private async take(next: Waiting): Promise<void> {
    const answer = await this.ask(next.request);
    const { kind } = next.request;
    if (!answer.through) return this.lines.delay(kind, this.clock.now() + answer.waitMs);
    const taker = this.experience.pausedMs() > 0 ? null : this.lines.shift(kind);
    if (taker) return taker.admit(this.pass(taker.request));
    this.untoldSince = this.clock.now();
  }

  private async ask(request: GatedRequest | null): Promise<TurnAnswer> {
    const said = this.experience.toSay();
    this.untoldSince = null;
    this.toldAt = this.clock.now();
    const answer = await this.options.turnstile.turn({
      holder: this.options.holder(),
      held: this.inHand,
      wants: request !== null,
      most: this.most(),
      flows: request === null ? [] : flowsFor(request, this.limits, this.experience.known),
      pauseMs: this.experience.pausedMs(),
      ...(said && { said: { most: said.most, note: said.note } }),
    });
    if (said) this.experience.wasSaid(said);
    this.experience.hear(answer);
    return answer;
  }

  private pass(request: GatedRequest): Pass {
    const began = this.clock.now();
    const { episode } = this.experience.known;
    this.inHand += 1;
    this.experience.went();
    let over = false;
    return {
      end: (outcome) => {
        if (over) return;
        over = true;
        const crowd = this.inHand;
        this.inHand -= 1;
        this.usualMs += (this.clock.now() - began - this.usualMs) / 8;
        this.options.observe?.(request, outcome);
        this.experience.learn(outcome, episode === this.experience.known.episode, crowd);
        // A place is free: whoever waits asks at once, which tells it, too.
        this.lines.forgetDelays();
        this.tell();
      },
    };
  }

  private async sleep(ms: number): Promise<void> {
    const over = new AbortController();
    this.wake = () => over.abort();
    await this.clock.sleep(ms, over.signal).catch(() => {});
    this.wake = null;
  }
}
