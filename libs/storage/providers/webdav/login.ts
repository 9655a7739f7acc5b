import { type Clock, systemClock } from '../../clock.js';
import { faultOf } from './status-faults.js';

/** Servers slow every login from our address down after a few wrong ones, so one is enough for all calls for a while. */
const refusedForMs = 300_000;

/** Name and password, and whether the server has refused them lately. */
export class Login {
  private readonly header: string;
  private refusedUntil = -Infinity;

  constructor(
    readonly username: string,
    password: string,
    private readonly clock: Clock = systemClock,
  ) {
    this.header = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  /** What goes into a request. Throws AccessRefused instead of letting it go out in vain. */
  authorization(): string {
    if (this.clock.now() < this.refusedUntil) throw faultOf(401, () => null);
    return this.header;
  }

  heard(status: number): void {
    if (status === 401) this.refusedUntil = this.clock.now() + refusedForMs;
  }
}
