import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { ConnectionHealth } from './connection-health.js';
import { connectionById, connectionsOpenTo, type ConnectionRow } from './connections.store.js';
import { ConnectionUnknown } from './errors.js';
import { SpaceLedger } from './space-ledger.js';

export type ConnectionStatus = 'healthy' | 'degraded' | 'failing' | 'needs-reconnect' | 'disabled';

export interface ConnectionRecord {
  id: string;
  provider: string;
  label: string;
  status: ConnectionStatus;
  house: boolean;
  domain: string;
  enabled: boolean;
  priority: number;
  limits: Record<string, unknown>;
  space: { total: number | null; used: number | null; free: number | null };
  lastSuccessAt: string | null;
  lastError: string | null;
  lastErrorAt: string | null;
  createdAt: string;
}

/** Connections as people see them: never a credential, never another account's. */
@Injectable()
export class ShowConnections {
  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly space: SpaceLedger,
  ) {}

  async all(account: string): Promise<ConnectionRecord[]> {
    await this.health.flush();
    const rows = await connectionsOpenTo(this.database, account);
    await Promise.all(rows.map((row) => this.look(row)));
    return (await connectionsOpenTo(this.database, account)).map(connectionRecord);
  }

  async one(account: string, id: string): Promise<ConnectionRecord> {
    await this.health.flush();
    const row = await connectionById(this.database, id);
    if (!row || (row.account !== null && row.account !== account)) throw new ConnectionUnknown();
    await this.look(row);
    return connectionRecord((await connectionById(this.database, id)) ?? row);
  }

  /** Asks the provider for its space; that it cannot be asked shows in the record. */
  private async look(row: ConnectionRow): Promise<void> {
    if (!row.enabled) return;
    await this.space.free(row.id).catch(async (error: unknown) => {
      this.health.failed(row.id, error);
      await this.health.flush();
    });
  }
}

function connectionRecord(row: ConnectionRow): ConnectionRecord {
  return {
    id: row.id,
    provider: row.provider,
    label: row.label,
    status: statusOf(row),
    house: row.account === null,
    domain: row.domain,
    enabled: row.enabled,
    priority: row.priority,
    limits: row.limits,
    space: { total: row.space_total, used: row.space_used, free: row.space_free },
    lastSuccessAt: row.last_success_at?.toISOString() ?? null,
    lastError: row.alarm ?? row.last_error,
    lastErrorAt: row.last_error_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  };
}

function statusOf(row: ConnectionRow): ConnectionStatus {
  if (!row.enabled) return 'disabled';
  if (row.alarm !== null) return 'failing';
  const erred = row.last_error_at?.getTime() ?? 0;
  return erred > (row.last_success_at?.getTime() ?? 0) ? 'failing' : 'healthy';
}
