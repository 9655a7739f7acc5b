import { ConsentWithdrawn, findProvider } from '#storage';
import type { Sql } from '../database/index.js';
import type { ConnectionRow } from './connections.store.js';
import { type ShownGrant, shownGrants } from './tokens.store.js';

/** What people see of the consent that a connection lives by. */
export interface GrantNote {
  /** What its owner knows the remote account by; nobody else is told. */
  readonly accountName: string | null;
  /** When it lapses whatever the gateway does, or because the gateway could not use it for long. */
  readonly grantExpiresAt: Date | null;
  /** Why there are no tokens, where it is known. */
  readonly trouble: string | null;
}

const NOTHING: GrantNote = { accountName: null, grantExpiresAt: null, trouble: null };

export async function grantNotes(sql: Sql, rows: readonly ConnectionRow[]): Promise<(row: ConnectionRow) => GrantNote> {
  const asked = rows.filter(({ provider }) => findProvider(provider)?.oauth).map(({ id }) => id);
  const grants = asked.length === 0 ? [] : await shownGrants(sql, asked);
  const byId = new Map(grants.map((grant) => [grant.connection, grant]));
  return (row) => {
    const grant = byId.get(row.id);
    return grant ? noteOf(row, grant) : NOTHING;
  };
}

function noteOf(row: ConnectionRow, grant: ShownGrant): GrantNote {
  return {
    accountName: row.account === null ? null : grant.remote_name,
    grantExpiresAt: grant.grant_expires_at ?? idleEnd(row, grant),
    trouble: row.needs_reconnect_at === null ? grant.trouble : new ConsentWithdrawn().message,
  };
}

/** An idle grant is used each month at least. Only one that could not be, for half of its time, is worth a warning. */
function idleEnd({ provider }: ConnectionRow, { refreshed_at: used }: ShownGrant): Date | null {
  const idleMs = findProvider(provider)?.oauth?.idleGrantMs;
  if (idleMs == null || Date.now() - used.getTime() < idleMs / 2) return null;
  return new Date(used.getTime() + idleMs);
}
