import { Fault } from '#contracts';

/** Some readiness check says no. */
export class NotReady extends Fault {
  override readonly retriable = true;
  override readonly retryAfterSeconds = 2;

  constructor(readonly checks: Readonly<Record<string, string>>) {
    const reasons = Object.entries(checks).filter(([, state]) => state !== 'ok');
    super(reasons.map(([name, reason]) => `${name}: ${reason}`).join(' '));
  }
}
