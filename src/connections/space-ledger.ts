import { Injectable } from '@nestjs/common';
import type { Space } from '#storage';
import { Database } from '../database/index.js';
import { GatewayLease } from '../gateways/index.js';
import { ConnectionPool } from './connection-pool.js';
import { lockSpace, noteObserved, setSpaceSlab } from './connections.store.js';

const LARGEST_SLAB = 1024 ** 3;
/** A disk that is full to the last byte hurts its neighbours, the database among them: this much stays free. */
const SPARED_SHARE = 0.01;
const SPARED_MOST = 256 * 1024 ** 2;
/** The provider is asked again this often while chunks go there. */
const FRESH_MS = 30_000;

interface Ledger {
  /** May still be promised to chunks. */
  open: number;
  /** Promised, and not known to be stored or given up. */
  promised: number;
  askedAt: number;
}

/**
 * Room on each connection, set aside before bytes are sent. A gateway takes a slab of what the
 * provider says is free, less what other gateways hold, and hands it out from memory: chunks of
 * thousands of uploads update no row, and a small one costs no question to the provider.
 */
@Injectable()
export class SpaceLedger {
  private readonly ledgers = new Map<string, Ledger>();
  private readonly asking = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly lease: GatewayLease,
  ) {
    lease.onRebirth(() => this.ledgers.clear());
  }

  /** Room for so many bytes, or null when there is none. `done` must be called when they are stored or given up. */
  async reserve(connection: string, bytes: number): Promise<SpaceReservation | null> {
    const ledger = await this.ledgerWith(connection, bytes);
    if (ledger.open < bytes) return null;
    ledger.open -= bytes;
    ledger.promised += bytes;
    let over = false;
    return {
      done: (stored) => {
        if (over) return;
        over = true;
        ledger.promised -= bytes;
        if (!stored) ledger.open += bytes;
      },
    };
  }

  /** What could still go there, as known now; null where the provider does not tell. */
  async free(connection: string): Promise<number | null> {
    const space = await this.ask(connection);
    return space === null || space.free === null ? null : Math.max(0, space.free - this.promised(connection));
  }

  /** The provider was full before we thought so: nothing goes there until it was asked again. */
  forget(connection: string): void {
    const ledger = this.ledgers.get(connection);
    if (ledger) ledger.open = 0;
  }

  private promised(connection: string): number {
    return this.ledgers.get(connection)?.promised ?? 0;
  }

  private async ledgerWith(connection: string, bytes: number): Promise<Ledger> {
    const known = this.ledgers.get(connection);
    if (known && known.open >= bytes && performance.now() - known.askedAt < FRESH_MS) return known;
    let asking = this.asking.get(connection);
    if (!asking) {
      asking = this.takeSlab(connection, bytes).finally(() => this.asking.delete(connection));
      this.asking.set(connection, asking);
    }
    await asking;
    const ledger = this.ledgers.get(connection) as Ledger;
    // Several may have waited for one slab: who finds too little left asks once more for itself.
    if (ledger.open < bytes) await this.takeSlab(connection, bytes);
    return ledger;
  }

  private async takeSlab(connection: string, bytes: number): Promise<void> {
    const space = await this.ask(connection);
    const ledger = this.ledgers.get(connection) ?? { open: 0, promised: 0, askedAt: 0 };
    const open = await this.database.tx(async (sql) => {
      const others = await lockSpace(sql, connection, this.lease.id);
      const available = availableIn(space) - others - ledger.promised;
      const slab = Math.max(
        0,
        Math.min(available, Math.max(bytes, Math.min(LARGEST_SLAB, Math.floor(available / 100)))),
      );
      await setSpaceSlab(sql, connection, this.lease.id, slab + ledger.promised);
      return slab;
    });
    this.ledgers.set(connection, Object.assign(ledger, { open, askedAt: performance.now() }));
  }

  private async ask(connection: string): Promise<Space | null> {
    const space = await (await this.pool.provider(connection)).space();
    const none = { succeededAt: null, error: null, erredAt: null };
    if (space) await noteObserved(this.database, connection, { ...none, space });
    return space;
  }
}

export interface SpaceReservation {
  done(stored: boolean): void;
}

function availableIn(space: Space | null): number {
  if (space === null || space.free === null) return Number.MAX_SAFE_INTEGER;
  const spared = Math.min(SPARED_MOST, Math.floor((space.total ?? space.free) * SPARED_SHARE));
  return Math.max(0, space.free - spared);
}
