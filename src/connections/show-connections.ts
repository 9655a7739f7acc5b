import { Injectable } from '@nestjs/common';
import type { Connection, ConnectionActivity, ConnectionDetails } from '#contracts';
import { Database } from '../database/index.js';
import { ConnectionHealth } from './connection-health.js';
import { statusOf } from './connection-status.js';
import { connectionById, connectionsOpenTo, type ConnectionRow } from './connections.store.js';
import { ConnectionUnknown } from './errors.js';
import { Gates } from './gates.js';
import { type GrantNote, grantNotes } from './grant-notes.js';
import { healthOf, type HealthRow } from './health.store.js';
import { readLimits } from './read-limits.js';
import { roomWithinLimit, SpaceLedger } from './space-ledger.js';
import { countedDay, type CountedHour } from './traffic.store.js';

/** Space that was asked for longer ago is asked for again before it is shown … */
const FRESH_MS = 60_000;
/** … but nobody waits longer for a provider that does not answer. */
const PATIENCE_MS = 2_000;

/** Connections as people see them: never a credential, never another account's. */
@Injectable()
export class ShowConnections {
  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly gates: Gates,
    private readonly space: SpaceLedger,
  ) {}

  async all(account: string): Promise<Connection[]> {
    await this.health.flush();
    const read = (): Promise<ConnectionRow[]> => connectionsOpenTo(this.database, account);
    const shown = await this.shown(await read(), read);
    return shown.map(({ record }) => record);
  }

  async one(account: string, id: string): Promise<ConnectionDetails> {
    await this.health.flush();
    const row = await connectionById(this.database, id);
    if (!row || (row.account !== null && row.account !== account)) throw new ConnectionUnknown();
    const read = async (): Promise<ConnectionRow[]> => [(await connectionById(this.database, id)) ?? row];
    const [{ record, hours }] = (await this.shown([row], read)) as [Shown];
    return { ...record, activity: this.activity(id, hours) };
  }

  private async shown(before: readonly ConnectionRow[], read: () => Promise<ConnectionRow[]>): Promise<Shown[]> {
    const ids = before.map(({ id }) => id);
    const known = await healthOf(this.database, ids);
    await this.freshen(before.filter((row) => usable(row) && (known.get(row.id)?.spaceAgeMs ?? Infinity) > FRESH_MS));
    const [rows, health, hours] = await Promise.all([
      read(),
      healthOf(this.database, ids),
      countedDay(this.database, ids),
    ]);
    const noteOf = await grantNotes(this.database, rows);
    const allowed = await this.allowed(rows);
    return rows.flatMap((row) => {
      const found = health.get(row.id);
      const day = hours.get(row.id) ?? [];
      return found
        ? [
            {
              record: this.record({ row, health: found, hours: day, note: noteOf(row), allowed: allowed.get(row.id) }),
              hours: day,
            },
          ]
        : [];
    });
  }

  /** What their owners' limits still allow to lie there. */
  private async allowed(rows: readonly ConnectionRow[]): Promise<Map<string, number>> {
    const limited = rows.filter((row) => (readLimits(row.limits).maxBytes ?? null) !== null);
    const rooms = limited.map(async ({ id }) => [id, await roomWithinLimit(this.database, id)] as const);
    return new Map(await Promise.all(rooms));
  }

  /** Asks the providers for their space; one that cannot be asked shows in its record. */
  private async freshen(rows: readonly ConnectionRow[]): Promise<void> {
    if (rows.length === 0) return;
    const asking = rows.map(({ id }) =>
      this.space.free(id, 'short').catch((error: unknown) => this.health.failed(id, error)),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
    await Promise.race([Promise.all(asking), late]);
    clearTimeout(timer);
    await this.health.flush();
  }

  private record({ row, health, hours, note, allowed = Infinity }: Known): Connection {
    const { enabled } = row;
    const alarm = row.alarm ?? note.trouble;
    const needsReconnect = row.needs_reconnect_at !== null;
    const paused = (this.gates.state(row.id)?.pausedMs ?? 0) > 0;
    return {
      id: row.id,
      provider: row.provider,
      label: row.label,
      status: statusOf({ enabled, alarm, needsReconnect, paused, health, hours }),
      house: row.account === null,
      domain: row.domain,
      enabled,
      priority: row.priority,
      limits: readLimits(row.limits),
      spool: row.spool,
      keepsBackups: row.keeps_backups,
      drainingSince: row.drain_since?.toISOString() ?? null,
      givenUpAt: row.given_up_at?.toISOString() ?? null,
      space: { total: row.space_total, used: row.space_used, free: freeOf(row, health, allowed) },
      lastSuccessAt: row.last_success_at?.toISOString() ?? null,
      lastError: alarm ?? row.last_error,
      lastErrorAt: row.last_error_at?.toISOString() ?? null,
      accountName: note.accountName,
      grantExpiresAt: note.grantExpiresAt?.toISOString() ?? null,
      createdAt: row.created_at.toISOString(),
    };
  }

  private activity(id: string, hours: readonly CountedHour[]): ConnectionActivity {
    const sum = (name: keyof CountedHour): number => hours.reduce((total, hour) => total + hour[name], 0);
    const requests = sum('requests');
    const pausedMs = this.gates.state(id)?.pausedMs ?? 0;
    return {
      requests,
      failures: sum('failures'),
      throttles: sum('throttles'),
      errorRate: requests === 0 ? 0 : sum('failures') / requests,
      bytesUp: sum('up'),
      bytesDown: sum('down'),
      pausedSeconds: Math.ceil(pausedMs / 1000),
    };
  }
}

function usable(row: ConnectionRow): boolean {
  return row.enabled && row.needs_reconnect_at === null;
}

interface Known {
  readonly row: ConnectionRow;
  readonly health: HealthRow;
  readonly hours: readonly CountedHour[];
  readonly note: GrantNote;
  readonly allowed: number | undefined;
}

interface Shown {
  readonly record: Connection;
  readonly hours: readonly CountedHour[];
}

/** What could still go there: what gateways have set aside is as good as used. */
function freeOf({ space_free: free }: ConnectionRow, { reserved }: HealthRow, allowed: number): number | null {
  const there = Math.min(free === null ? Infinity : Math.max(0, free - reserved), allowed);
  return there === Infinity ? null : there;
}
