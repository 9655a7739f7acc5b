import { Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { SealBroken } from '#crypto';
import { BlobMismatch, BlobMissing, BlobTruncated, ConnectionFull, type Meter } from '#storage';
import { Database } from '../database/index.js';
import { noteObserved } from './connections.store.js';

interface Seen {
  succeededAt: Date | null;
  error: string | null;
  erredAt: Date | null;
  fullUntil: number;
  awayUntil: number;
  dirty: boolean;
}

/** How long a connection that just failed, or was full, is passed over for new chunks while others will do. */
const SHUN_MS = 15_000;

/** What was seen of each connection in real traffic, kept in memory and written down now and then. */
@Injectable()
export class ConnectionHealth {
  private readonly log = new Logger('connections');
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly database: Database) {}

  meter(id: string): Meter {
    return {
      record: (call) => {
        if (call.fault !== null) return;
        const seen = this.of(id);
        seen.succeededAt = new Date();
        seen.awayUntil = 0;
        seen.dirty = true;
      },
    };
  }

  failed(id: string, error: unknown): void {
    const seen = this.of(id);
    seen.error = error instanceof Fault ? error.message : 'Something unexpected happened.';
    seen.erredAt = new Date();
    seen.dirty = true;
    if (error instanceof ConnectionFull) seen.fullUntil = performance.now() + SHUN_MS;
    else if (!aboutOneBlob(error)) seen.awayUntil = performance.now() + SHUN_MS;
  }

  /** Whether new chunks should rather go elsewhere. */
  shunned(id: string): 'full' | 'away' | null {
    const seen = this.of(id);
    if (seen.fullUntil > performance.now()) return 'full';
    return seen.awayUntil > performance.now() ? 'away' : null;
  }

  /** Writes down what changed; called by upkeep, and before connections are shown. */
  async flush(): Promise<void> {
    for (const [id, seen] of this.seen) {
      if (!seen.dirty) continue;
      seen.dirty = false;
      const { succeededAt, error, erredAt } = seen;
      await noteObserved(this.database, id, { succeededAt, error, erredAt, space: null }).catch((problem: Error) => {
        seen.dirty = true;
        this.log.warn(`What was seen of a connection could not be written down: ${problem.message}`);
      });
    }
  }

  private of(id: string): Seen {
    let seen = this.seen.get(id);
    if (!seen) {
      seen = { succeededAt: null, error: null, erredAt: null, fullUntil: 0, awayUntil: 0, dirty: false };
      this.seen.set(id, seen);
    }
    return seen;
  }
}

/** Says something about a blob, nothing about whether the connection can take another. */
function aboutOneBlob(error: unknown): boolean {
  return (
    error instanceof SealBroken ||
    error instanceof BlobMissing ||
    error instanceof BlobTruncated ||
    error instanceof BlobMismatch
  );
}
