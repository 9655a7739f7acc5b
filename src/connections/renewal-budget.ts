/** More than any outage of a vendor's token checks makes necessary … */
const MOST = 300;
/** … and so fast it comes back. */
const REFILL_MS = 1000;

/**
 * How often tokens may be fetched because the provider refused one that should have been good. A provider that refuses
 * even the newest would otherwise have one fetched for every request that is made.
 */
export class RenewalBudget {
  private readonly spent = new Map<string, { left: number; at: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** False when there is none left for this connection now. */
  spend(connection: string): boolean {
    const now = this.now();
    const { left, at } = this.spent.get(connection) ?? { left: MOST, at: now };
    const refilled = Math.min(MOST, left + (now - at) / REFILL_MS);
    if (refilled < 1) return false;
    this.spent.set(connection, { left: refilled - 1, at: now });
    return true;
  }
}
