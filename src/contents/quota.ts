import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { QuotaExceeded } from './errors.js';
import { GatewayLease } from '../gateways/index.js';
import {
  addSlab,
  growSlab,
  lockUsage,
  settleSlab,
  shrinkSlab,
  slabsOfGateway,
  quotaOf,
  usedBytes,
} from './quota.store.js';
import { QuotaReservation, QuotaSlab } from './quota-slab.js';

const LARGEST_GRANT = 1024 ** 3;

/**
 * Quota, exact under any number of uploads, with no row that all of them update. A gateway takes a
 * slab (the smaller of 1 GiB and 1 % of what remains, or what one upload needs) under the lock of
 * the account's usage row, and hands it out from memory. A published content names its slab; what
 * the contents of a slab took is settled when the slab closes, and the rest comes back: also when
 * its gateway dies, by upkeep.
 */
@Injectable()
export class Quota {
  private readonly slabs = new Map<string, QuotaSlab>();
  private readonly lines = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly lease: GatewayLease,
  ) {}

  /** Sets bytes aside before any of them is sent. Throws QuotaExceeded when they cannot fit. */
  async reserve(account: string, bytes: number): Promise<QuotaReservation> {
    const reservation = new QuotaReservation((total) => this.promise(account, total));
    await reservation.raiseTo(bytes);
    return reservation;
  }

  /** Of the published contents; a quota of null is no limit. */
  async state(account: string): Promise<{ used: number; quota: number | null }> {
    return { used: await usedBytes(this.database, account), quota: await quotaOf(this.database, account) };
  }

  /** Gives the unpromised room of this gateway's slabs back, so that others can use it. Upkeep calls it now and then. */
  async returnIdle(): Promise<void> {
    for (const slab of [...this.slabs.values()]) await this.inLine(slab.account, () => this.giveBack(slab));
    // A grant whose COMMIT was lost may have left a slab that nobody here knows; looked at in line, where no grant is under way.
    for (const { account, id } of await slabsOfGateway(this.database, this.lease.id)) {
      await this.inLine(account, async () => {
        if (this.slabs.get(account)?.id !== id) await this.settleRow(account, id);
      });
    }
  }

  /** Room for so many bytes in one slab, from what this gateway holds or newly granted. */
  private promise(account: string, bytes: number): Promise<QuotaSlab> {
    const slab = this.usable(account);
    if (slab?.promise(bytes)) return Promise.resolve(slab);
    return this.inLine(account, async () => {
      for (let open = this.usable(account); ; open = this.usable(account)) {
        if (open?.promise(bytes)) return open;
        // While it is granted, uploads that are under way may take what was free before.
        const granted = await this.grant(account, bytes, open);
        if (granted.promise(bytes)) return granted;
      }
    });
  }

  private usable(account: string): QuotaSlab | undefined {
    const slab = this.slabs.get(account);
    if (!slab) return undefined;
    if (!slab.closed && slab.gateway === this.lease.id) return slab;
    this.slabs.delete(account);
    return undefined;
  }

  /** Grows the open slab, or takes a new one beside it; either way the answer has the bytes free. */
  private async grant(account: string, bytes: number, open: QuotaSlab | undefined): Promise<QuotaSlab> {
    const fresh = new QuotaSlab(account, randomUUIDv7(), this.lease.id);
    const { slab, by } = await this.database.tx(async (sql) => {
      const remaining = await remainingQuota(sql, account);
      const missing = bytes - (open?.free ?? 0);
      if (open && missing <= remaining) {
        const grown = grantFor(missing, remaining);
        if (await growSlab(sql, { account, id: open.id, by: grown })) return { slab: open, by: grown };
      }
      if (bytes > remaining) throw new QuotaExceeded();
      const granted = grantFor(bytes, remaining);
      await addSlab(sql, { account, id: fresh.id, gateway: fresh.gateway, granted });
      return { slab: fresh, by: granted };
    });
    slab.grow(by);
    if (slab !== open) open?.close();
    this.slabs.set(account, slab);
    return slab;
  }

  private async giveBack(slab: QuotaSlab): Promise<void> {
    if (slab.promised === 0) {
      this.slabs.delete(slab.account);
      slab.close();
      return this.settleRow(slab.account, slab.id);
    }
    const idle = slab.takeIdle();
    if (idle === 0) return;
    await this.database.tx(async (sql) => {
      await lockUsage(sql, slab.account);
      await shrinkSlab(sql, { account: slab.account, id: slab.id, by: idle });
    });
  }

  private settleRow(account: string, id: string): Promise<void> {
    return this.database.tx(async (sql) => {
      await lockUsage(sql, account);
      await settleSlab(sql, account, id);
    });
  }

  /** Grants of one account go one after the other: the second usually finds what the first one brought. */
  private inLine<T>(account: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.lines.get(account) ?? Promise.resolve()).then(work);
    const end = turn.then(
      () => {},
      () => {},
    );
    this.lines.set(account, end);
    void end.then(() => this.lines.get(account) === end && this.lines.delete(account));
    return turn;
  }
}

async function remainingQuota(sql: Sql, account: string): Promise<number> {
  const { quota, settled, granted } = await lockUsage(sql, account);
  return quota === null ? Number.MAX_SAFE_INTEGER : quota - settled - granted;
}

function grantFor(bytes: number, remaining: number): number {
  return Math.max(bytes, Math.min(LARGEST_GRANT, Math.floor(remaining / 100)));
}
