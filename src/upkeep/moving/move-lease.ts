import type { Database } from '../../database/index.js';
import { MoveLost } from './errors.js';
import { renewMove, type ShardId } from './moves.store.js';

/** Whoever is silent for longer has lost its moves to the sweep. */
export const LEASE_SECONDS = 60;
const RENEW_MS = 15_000;
/** Where no byte moves for so long, the move is given up, though its process lives. */
const STALLED_MS = 180_000;

/**
 * The lease of one move, renewed while its bytes flow. It runs out on the database's clock, where the sweep looks. A process
 * that was paused for longer than that finds out by its own steady clock before it sends another byte; what it had in
 * hand may still arrive, under a name that is condemned by then, and no statement of its own counts any more.
 */
export class MoveLease {
  private readonly ended = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private heldUntil: number;
  private flowedAt = performance.now();

  /** `asked` is when the statement was sent that began the move. */
  constructor(
    private readonly database: Database,
    private readonly id: ShardId,
    readonly fence: number,
    asked: number,
    outer: AbortSignal,
  ) {
    this.heldUntil = asked + LEASE_SECONDS * 1000;
    this.signal = AbortSignal.any([outer, this.ended.signal]);
    this.timer = setInterval(() => void this.renew(), RENEW_MS);
    this.timer.unref();
  }

  readonly signal: AbortSignal;

  /** A byte has moved. Throws what ended the move, MoveLost when the lease may be over. */
  flows(): void {
    const now = performance.now();
    if (now > this.heldUntil) this.ended.abort(new MoveLost());
    this.signal.throwIfAborted();
    this.flowedAt = now;
  }

  /** Nothing is renewed any more. */
  end(): void {
    clearInterval(this.timer);
  }

  private async renew(): Promise<void> {
    const asked = performance.now();
    if (asked - this.flowedAt > STALLED_MS) return this.ended.abort(new MoveLost());
    try {
      if (await renewMove(this.database, this.id, this.fence, LEASE_SECONDS)) {
        this.heldUntil = asked + LEASE_SECONDS * 1000;
      } else this.ended.abort(new MoveLost());
    } catch {
      // The database is away: the next turn asks again, and the lease says for how long that makes sense.
    }
  }
}
