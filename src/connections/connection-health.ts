import { Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { SealBroken } from '#crypto';
import {
  BlobMismatch,
  BlobMissing,
  BlobTruncated,
  ConnectionFull,
  ConnectionResting,
  type Meter,
  type MeteredCall,
  Throttled,
} from '#storage';
import { Database } from '../database/index.js';
import { Gates } from './gates.js';
import { noteHealth } from './health.store.js';
import { Traffic } from './traffic.js';

interface Seen {
  succeededAt: number | null;
  error: string | null;
  erredAt: number | null;
  /** Failures since the last success that was seen here. */
  failures: number;
  failingSince: number | null;
  fullUntil: number;
  awayUntil: number;
  dirty: boolean;
}

/** How long a connection that just failed, or was full, is passed over for new chunks while others will do. */
const SHUN_MS = 15_000;
/** One that would let a request wait for longer is passed over, too. */
const SATURATED_MS = 2_000;
/** A vendor that asks for a day's rest may be asked again sooner by a reader; for writing it is passed over so long at most. */
const LONGEST_SHUN_MS = 24 * 3_600_000;

export type Shunned = 'full' | 'away' | 'paused' | 'saturated';

/** What was seen of each connection in real traffic, kept in memory and written down now and then. */
@Injectable()
export class ConnectionHealth {
  private readonly log = new Logger('connections');
  private readonly seen = new Map<string, Seen>();

  constructor(
    private readonly database: Database,
    private readonly gates: Gates,
    private readonly traffic: Traffic,
  ) {}

  /** What passes no gate is counted by the call: a vault on a disk of ours. */
  meter(id: string, provider: string): Meter {
    return {
      record: (call) => {
        if (this.gates.state(id) === null) this.count(id, provider, call);
        if (call.fault !== null) return;
        const seen = this.of(id);
        seen.succeededAt = performance.now();
        seen.failures = 0;
        seen.failingSince = null;
        seen.awayUntil = 0;
        seen.dirty = true;
      },
    };
  }

  failed(id: string, error: unknown): void {
    const seen = this.of(id);
    const now = performance.now();
    seen.dirty = true;
    // That it rests says less than why.
    if (!(error instanceof ConnectionResting) || seen.error === null) {
      seen.error = error instanceof Fault ? error.message : 'Something unexpected happened.';
    }
    seen.erredAt = now;
    if (error instanceof ConnectionFull) seen.fullUntil = now + SHUN_MS;
    else if (error instanceof Throttled) {
      seen.awayUntil = now + Math.min(error.retryAfterMs ?? SHUN_MS, LONGEST_SHUN_MS);
    } else if (!aboutOneBlob(error)) {
      seen.awayUntil = now + SHUN_MS;
      seen.failures += 1;
      seen.failingSince ??= now;
    }
  }

  /** Whether new chunks should rather go elsewhere. */
  shunned(id: string): Shunned | null {
    const seen = this.of(id);
    const now = performance.now();
    if (seen.fullUntil > now) return 'full';
    const gate = this.gates.state(id);
    if (gate && gate.pausedMs > 0) return gate.resting ? 'away' : 'paused';
    if (seen.awayUntil > now) return 'away';
    if (this.traffic.dayIsFullFor(id) > 0) return 'paused';
    return gate && gate.backlogMs > SATURATED_MS ? 'saturated' : null;
  }

  /** When the first of these may be tried again, which were all passed over; null where nothing says so. */
  opensIn(ids: readonly string[]): number | null {
    const waits = ids.map((id) => this.quietFor(id)).filter((ms) => ms > 0);
    return waits.length === 0 ? null : Math.min(...waits);
  }

  private quietFor(id: string): number {
    const { fullUntil, awayUntil } = this.of(id);
    const until = Math.max(fullUntil, awayUntil) - performance.now();
    return Math.max(until, this.traffic.dayIsFullFor(id), this.gates.state(id)?.pausedMs ?? 0);
  }

  /** Writes down what changed; called by upkeep, and before connections are shown. */
  async flush(): Promise<void> {
    for (const [id, seen] of this.seen) {
      if (!seen.dirty) continue;
      seen.dirty = false;
      const { failures } = seen;
      // What was counted is not counted again; a later success says that it is over.
      seen.failures = 0;
      const now = performance.now();
      const ago = (at: number | null): number | null => (at === null ? null : now - at);
      await noteHealth(this.database, id, {
        succeededMsAgo: ago(seen.succeededAt),
        error: seen.error,
        erredMsAgo: ago(seen.erredAt),
        failures,
        failingMsAgo: ago(seen.failingSince),
      }).catch((problem: Error) => {
        seen.dirty = true;
        seen.failures += failures;
        this.log.warn(`What was seen of a connection could not be written down: ${problem.message}`);
      });
    }
  }

  private count(id: string, provider: string, { method, bytes, fault }: MeteredCall): void {
    if (bytes > 0) this.traffic.moves(id, provider, method === 'get' || method === 'readMarker' ? 'down' : 'up', bytes);
    const failed = fault !== null && !aboutCaller.includes(fault);
    this.traffic.request(id, provider, fault === null ? 'answered' : failed ? 'failed' : 'refused');
  }

  private of(id: string): Seen {
    let seen = this.seen.get(id);
    if (!seen) {
      seen = {
        succeededAt: null,
        error: null,
        erredAt: null,
        failures: 0,
        failingSince: null,
        fullUntil: 0,
        awayUntil: 0,
        dirty: false,
      };
      this.seen.set(id, seen);
    }
    return seen;
  }
}

const aboutCaller = ['AbortError', 'BlobMissing', 'BlobTruncated', 'BlobMismatch', 'BodyLengthWrong', 'ConnectionFull'];

/** Says something about a blob, nothing about whether the connection can take another. */
function aboutOneBlob(error: unknown): boolean {
  return (
    error instanceof SealBroken ||
    error instanceof BlobMissing ||
    error instanceof BlobTruncated ||
    error instanceof BlobMismatch
  );
}
