import { Injectable } from '@nestjs/common';

/** So many of a connection's last answers say how long it usually takes. */
const REMEMBERED = 100;
/** One that let somebody wait beyond its usual time is asked after the others for so long. */
const LATE_FOR_MS = 15_000;

export interface UsualTime {
  readonly medianMs: number;
  readonly p95Ms: number;
}

/**
 * How long it took each connection until the first byte of a read came, as this gateway saw it. Kept in memory alone: what
 * another gateway sees from where it stands is another matter, and a restart knows soon enough.
 */
@Injectable()
export class UsualTimes {
  private readonly last = new Map<string, LastTimes>();
  private readonly lateUntil = new Map<string, number>();

  /** Also of an answer that nobody waited for to the end: then it would have taken at least so long. */
  note(connection: string, ms: number): void {
    let times = this.last.get(connection);
    if (!times) this.last.set(connection, (times = new LastTimes()));
    times.add(ms);
  }

  /** Null where nothing was read yet. */
  of(connection: string): UsualTime | null {
    return this.last.get(connection)?.usual() ?? null;
  }

  /** Others answered while it did not; `now` is on the clock that `isLate` is asked with. */
  noteLate(connection: string, now: number): void {
    this.lateUntil.set(connection, now + LATE_FOR_MS);
  }

  isLate(connection: string, now: number): boolean {
    return (this.lateUntil.get(connection) ?? -Infinity) > now;
  }
}

/** A ring of times, and what they say; counted anew only when it is asked for. */
class LastTimes {
  private readonly times: number[] = [];
  private next = 0;
  private known: UsualTime | null = null;

  add(ms: number): void {
    this.times[this.next] = ms;
    this.next = (this.next + 1) % REMEMBERED;
    this.known = null;
  }

  usual(): UsualTime {
    if (this.known) return this.known;
    const sorted = this.times.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] as number;
    return (this.known = { medianMs: at(0.5), p95Ms: at(0.95) });
  }
}
