import { Injectable } from '@nestjs/common';
import { Ephemeral } from '../../ephemeral/index.js';
import { TooManyTries } from '../errors.js';

interface Limit {
  readonly name: string;
  readonly windowMs: number;
  readonly most: number;
}

/** A person opens a few consent pages; each leaves something in the short-lived state for ten minutes. */
const STARTS: Limit = { name: 'start', windowMs: 60_000, most: 60 };
/** Answers that belonged to no question, from one address: nobody guesses 256 bits, but nobody needs to try either. */
const MISSES: Limit = { name: 'miss', windowMs: 60_000, most: 120 };

/** How often consents may be begun, and answers be brought that were not asked for. */
@Injectable()
export class ConsentLimit {
  constructor(private readonly ephemeral: Ephemeral) {}

  async countStart(account: string): Promise<void> {
    await this.count(STARTS, account);
  }

  async countMiss(address: string | undefined): Promise<void> {
    await this.count(MISSES, address ?? 'unknown');
  }

  private async count({ name, windowMs, most }: Limit, whose: string): Promise<void> {
    const { count, remainingMs } = await this.ephemeral.increment(`consent-${name}:${whose}`, windowMs);
    if (count > most) throw new TooManyTries(Math.max(1, Math.ceil(remainingMs / 1000)));
  }
}
