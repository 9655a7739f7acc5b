import type { Clock } from '../clock.js';

/**
 * Where the turns on one connection are counted, for all gateways together. One question does all: it says what the
 * asker holds and knows, and gets a turn or is told how long it is not worth asking again.
 *
 * A turn is given when no pause is on, every flow has caught up, and a place is free. Places are shared: an asker
 * beyond its share (places by those who hold or want some) stands back for one below it, and among those below it who
 * waited first goes first. So no gateway starves, whoever asks more often. Those who wait for a flow are told to come
 * one after the other, in the order in which they began to wait.
 */
export interface Turnstile {
  turn(ask: TurnAsk): Promise<TurnAnswer>;
}

/** A flow of turns that may not be denser than the cost of each says. */
export interface TurnFlow {
  readonly name: string;
  /** By how much this turn puts off the next one. */
  readonly costMs: number;
  /** How much may be put off before somebody has to wait. */
  readonly burstMs: number;
}

export interface TurnAsk {
  readonly holder: string;
  /** Turns that the asker has in hand, without the wanted one. */
  readonly held: number;
  /** False: it only tells what it knows. */
  readonly wants: boolean;
  /** Turns that may be in hand at once, over all holders. */
  readonly most: number;
  readonly flows: readonly TurnFlow[];
  /** The asker knows that nothing may go out for so long. */
  readonly pauseMs: number;
  /** From now on, for all: no more than so many at once, and what every asker is told. */
  readonly said?: { readonly most: number | null; readonly note: string };
}

export interface TurnAnswer {
  readonly through: boolean;
  /** Until it is worth asking again; 0 when through. */
  readonly waitMs: number;
  readonly pauseMs: number;
  /** Others that were seen here lately. */
  readonly others: number;
  /** Turns a second, lately, over all. */
  readonly load: number;
  readonly note: string | null;
}

/** The same numbers in Redis' script and in the database's function. */
const turnstileTimes = {
  /** A holder that has not been heard of for so long is gone, and what it held is free. */
  heldMs: 30_000,
  /** It counts as being there for so long. */
  seenMs: 5_000,
  /** One that waits asks again much sooner than this, or has given up. */
  waitingMs: 1_000,
  /** When all places are taken. */
  pollMs: 50,
} as const;

interface Holder {
  held: number;
  /** Since when it waits, or null. */
  since: number | null;
  until: number;
}

/** Turns counted in this process alone: where there is nothing to share, and while what is shared is away. */
export class LocalTurnstile implements Turnstile {
  private readonly holders = new Map<string, Holder>();
  private readonly flows = new Map<string, number>();
  private pausedUntil = -Infinity;
  private most: number | null = null;
  private note: string | null = null;
  private load = 0;
  private loadAt = 0;

  constructor(private readonly clock: Clock) {}

  async turn(ask: TurnAsk): Promise<TurnAnswer> {
    const now = this.clock.now();
    for (const [id, { until }] of this.holders) if (until <= now) this.holders.delete(id);
    if (ask.pauseMs > 0) this.pausedUntil = Math.max(this.pausedUntil, now + ask.pauseMs);
    if (ask.said) [this.most, this.note] = [ask.said.most, ask.said.note];
    const pauseMs = Math.max(0, this.pausedUntil - now);
    const since = this.holders.get(ask.holder)?.since ?? now;
    this.holders.delete(ask.holder);
    const waitMs = !ask.wants ? 0 : pauseMs > 0 ? pauseMs : this.wait(ask, since, now);
    const through = ask.wants && waitMs <= 0;
    const waits = ask.wants && !through && pauseMs === 0;
    this.load *= Math.exp((this.loadAt - now) / 1000);
    this.loadAt = now;
    if (through) this.pass(ask, now);
    this.holders.set(ask.holder, {
      held: ask.held + (through ? 1 : 0),
      since: waits ? since : null,
      until: now + this.lifetime(ask.held + (through ? 1 : 0), waits ? waitMs : null),
    });
    return { through, waitMs, pauseMs, others: this.holders.size - 1, load: this.load, note: this.note };
  }

  private wait(ask: TurnAsk, since: number, now: number): number {
    const others = [...this.holders.values()];
    const most = Math.min(ask.most, this.most ?? Infinity);
    const sharing = 1 + others.filter(({ held, since: waiting }) => held > 0 || waiting !== null).length;
    const share = Math.max(1, Math.floor(most / sharing));
    const hungry = others.filter(({ held, since: waiting }) => waiting !== null && held < share);
    const older = hungry.filter((other) => other.since! < since).length;
    const free = most - ask.held - others.reduce((sum, { held }) => sum + held, 0);
    const placed = free > older && (ask.held < share || hungry.length === 0);
    let waitMs = placed ? 0 : turnstileTimes.pollMs;
    for (const { name, costMs, burstMs } of ask.flows) {
      const behind = (this.flows.get(name) ?? now) - burstMs - now;
      if (behind > 0) waitMs = Math.max(waitMs, behind + older * costMs);
    }
    return waitMs;
  }

  private pass(ask: TurnAsk, now: number): void {
    this.load += 1;
    for (const { name, costMs } of ask.flows) this.flows.set(name, Math.max(this.flows.get(name) ?? now, now) + costMs);
  }

  private lifetime(held: number, waitMs: number | null): number {
    if (held > 0) return turnstileTimes.heldMs;
    return waitMs === null ? turnstileTimes.seenMs : waitMs + turnstileTimes.waitingMs;
  }
}
