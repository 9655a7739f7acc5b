import { Injectable } from '@nestjs/common';
import type { Space } from '#storage';
import { Database, type Sql } from '../database/index.js';
import { GatewayLease } from '../gateways/index.js';
import { ConnectionPool, type Patience } from './connection-pool.js';
import { noteObserved } from './connections.store.js';
import { Gates } from './gates.js';
import { lockSpace, setSpaceSlab } from './space.store.js';
import { heldBytes } from './health.store.js';
import { readLimits } from './read-limits.js';
import { limitsOf } from './traffic.store.js';

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
  private readonly asking = new Map<string, Promise<SpaceReservation | null>>();

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly lease: GatewayLease,
    gates: Gates,
  ) {
    gates.onLimits((connection) => this.forget(connection));
    lease.onRebirth(() => this.ledgers.clear());
  }

  /** Room for so many bytes, or null when there is none. `done` must be called when they are stored or given up. */
  async reserve(connection: string, bytes: number, patience?: Patience): Promise<SpaceReservation | null> {
    for (;;) {
      const taken = this.take(connection, bytes);
      if (taken) return taken;
      const asking = this.asking.get(connection);
      if (!asking) return this.takeSlab(connection, bytes, patience);
      // Several may wait for one slab: whoever finds too little left asks once more for itself.
      await asking;
    }
  }

  /** What could still go there, as the provider says now; null where it does not tell. */
  async free(connection: string, patience?: Patience): Promise<number | null> {
    const space = await this.ask(connection, patience);
    const room = Math.min(availableIn(space), await roomWithinLimit(this.database, connection));
    return room === Number.MAX_SAFE_INTEGER ? null : Math.max(0, room - this.promised(connection));
  }

  /** The provider was full before we thought so: nothing goes there until it was asked again. */
  forget(connection: string): void {
    const ledger = this.ledgers.get(connection);
    if (ledger) ledger.open = 0;
  }

  private promised(connection: string): number {
    return this.ledgers.get(connection)?.promised ?? 0;
  }

  private take(connection: string, bytes: number): SpaceReservation | null {
    const ledger = this.ledgers.get(connection);
    if (!ledger || ledger.open < bytes || performance.now() - ledger.askedAt >= FRESH_MS) return null;
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

  /** Counts anew, one at a time, and takes the bytes from what it finds. */
  private takeSlab(connection: string, bytes: number, patience?: Patience): Promise<SpaceReservation | null> {
    const asking = this.count(connection, bytes, patience).finally(() => this.asking.delete(connection));
    this.asking.set(connection, asking);
    return asking;
  }

  private async count(connection: string, bytes: number, patience?: Patience): Promise<SpaceReservation | null> {
    const ledger = this.ledgers.get(connection) ?? { open: 0, promised: 0, askedAt: 0 };
    this.ledgers.set(connection, ledger);
    // Nobody takes from what is being counted.
    ledger.open = 0;
    const space = await this.ask(connection, patience);
    ledger.open = await this.database.tx(async (sql) => {
      const others = await lockSpace(sql, connection, this.lease.id);
      const room = Math.min(availableIn(space), await roomWithinLimit(sql, connection));
      const available = room - others - ledger.promised;
      const slab = Math.max(
        0,
        Math.min(available, Math.max(bytes, Math.min(LARGEST_SLAB, Math.floor(available / 100)))),
      );
      await setSpaceSlab(sql, connection, this.lease.id, slab + ledger.promised);
      return slab;
    });
    ledger.askedAt = performance.now();
    return this.take(connection, bytes);
  }

  private async ask(connection: string, patience?: Patience): Promise<Space | null> {
    const provider = await this.pool.provider(connection, patience);
    const space = provider.traits.spaceKnown ? await provider.space() : null;
    const none = { succeededAt: null, error: null, erredAt: null };
    if (space) await noteObserved(this.database, connection, { ...none, space });
    return space;
  }
}

/** What its owner's limit still allows to lie there. Counted with what is on its way, so it is kept, and never reached from above. */
export async function roomWithinLimit(sql: Sql, connection: string): Promise<number> {
  const [row] = await limitsOf(sql, [connection]);
  const most = readLimits(row?.limits ?? {}).maxBytes ?? null;
  return most === null ? Number.MAX_SAFE_INTEGER : Math.max(0, most - (await heldBytes(sql, connection)));
}

export interface SpaceReservation {
  done(stored: boolean): void;
}

function availableIn(space: Space | null): number {
  if (space === null || space.free === null) return Number.MAX_SAFE_INTEGER;
  const spared = Math.min(SPARED_MOST, Math.floor((space.total ?? space.free) * SPARED_SHARE));
  return Math.max(0, space.free - spared);
}
