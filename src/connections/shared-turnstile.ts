import { Logger } from '@nestjs/common';
import { LocalTurnstile, systemClock, type TurnAnswer, type TurnAsk, type Turnstile } from '#storage';
import type { Ephemeral } from '../ephemeral/index.js';

/** An answer that takes longer is not waited for. */
const PATIENCE_MS = 1_000;
/** Nor is it asked again for so long. */
const AWAY_MS = 2_000;

/**
 * The turnstile that all gateways share. While the short-lived state is away each gateway counts for itself: it takes its
 * share of what the connection bears, as many shares as there were gateways, and never stops because of it.
 */
export class SharedTurnstile implements Turnstile {
  private readonly log = new Logger('connections');
  private readonly own = new LocalTurnstile(systemClock);
  private awayUntil = -Infinity;
  private gateways = 1;

  constructor(
    private readonly ephemeral: Pick<Ephemeral, 'turn'>,
    private readonly name: string,
  ) {}

  async turn(ask: TurnAsk): Promise<TurnAnswer> {
    if (performance.now() < this.awayUntil) return this.alone(ask);
    try {
      const answer = await inTime(this.ephemeral.turn(this.name, ask));
      this.gateways = answer.others + 1;
      return answer;
    } catch (error) {
      if (this.awayUntil === -Infinity) this.log.debug(`Turns are counted alone: ${(error as Error).message}`);
      this.awayUntil = performance.now() + AWAY_MS;
      return this.alone(ask);
    }
  }

  /** What others know stays unknown: so the note is the asker's own, and nothing is taken for lost. */
  private async alone(ask: TurnAsk): Promise<TurnAnswer> {
    const { gateways } = this;
    const most = Math.max(1, Math.floor(ask.most / gateways));
    const flows = ask.flows.map((flow) => ({ ...flow, costMs: flow.costMs * gateways }));
    const answer = await this.own.turn({ ...ask, most, flows });
    return { ...answer, others: gateways - 1 };
  }
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PATIENCE_MS);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
