import type { Clock } from '../../clock.js';
import { ToldToSlowDown, UploadsSpent } from './drive-faults.js';

const hour = 3_600_000;

/**
 * The 750 GB that one account may upload in a day. Drive says «too fast» when they are used up, and reading goes on. So
 * uploads rest for an hour at a time, without asking: when Google says so by the one sign that there is, or when it has
 * taken no upload for an hour.
 */
export class UploadRest {
  private until = -Infinity;
  private refusedSince: number | null = null;

  constructor(private readonly clock: Clock) {}

  /** Throws Throttled while uploads rest. */
  check(): void {
    const left = this.until - this.clock.now();
    if (left > 0) throw new UploadsSpent(left);
  }

  taken(): void {
    this.refusedSince = null;
  }

  /** What to throw for what an upload has met with. */
  judge(error: unknown): unknown {
    if (!(error instanceof ToldToSlowDown)) return error;
    const now = this.clock.now();
    this.refusedSince ??= now;
    if (!(error instanceof UploadsSpent) && now - this.refusedSince < hour) return error;
    this.until = now + hour;
    return new UploadsSpent(hour, { cause: error.cause });
  }
}
