import { Injectable } from '@nestjs/common';
import type { Candidate } from '#dispersal';
import { Database } from '../database/index.js';
import { ConnectionHealth } from './connection-health.js';
import { connectionsOpenTo, setSpread, spreadOf, type ConnectionRow, type SpreadRow } from './connections.store.js';
import { SpreadUnmet } from './errors.js';

/** One copy, on whichever of the account's connections has room. */
const USUAL: SpreadRow = { data: 1, parity: 0, connections: null };

/** How long a gateway goes by what it read of an account's connections. */
const FRESH_MS = 2_000;

interface Known {
  readonly spread: SpreadRow;
  readonly connections: readonly ConnectionRow[];
  readonly until: number;
}

/** How an account's new chunks are spread, and which connections may take them. */
@Injectable()
export class Spreads {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
  ) {}

  async of(account: string): Promise<SpreadRow> {
    return (await spreadOf(this.database, account)) ?? USUAL;
  }

  /** Refuses what the account's connections cannot hold; later losses are another matter, and no reason to refuse. */
  async change(account: string, wanted: SpreadRow): Promise<SpreadRow> {
    const rows = await connectionsOpenTo(this.database, account);
    const unknown = wanted.connections?.find((id) => !rows.some((row) => row.id === id));
    if (unknown !== undefined) throw new SpreadUnmet('One of the connections does not exist.');
    const domains = new Set(chosen(rows, wanted).map((row) => row.domain));
    if (domains.size < wanted.data + wanted.parity) {
      throw new SpreadUnmet('There are fewer places that fail apart from each other than this spread needs.');
    }
    await setSpread(this.database, account, wanted);
    this.known.delete(account);
    return wanted;
  }

  /** The spread with the connections that may take a new chunk now, those that failed lately marked as unsteady. */
  async plan(account: string): Promise<{ spread: SpreadRow; candidates: Candidate[] }> {
    const { spread, connections } = await this.read(account);
    if (spread.connections !== null && !connections.some(({ id }) => spread.connections?.includes(id))) {
      throw new SpreadUnmet('The connections that the default storage names are gone. Choose others.');
    }
    const usable = chosen(connections, spread).filter(
      (row) => row.alarm === null && row.needs_reconnect_at === null && row.given_up_at === null,
    );
    const candidates = usable.map((row) => ({
      id: row.id,
      domain: row.domain,
      free: row.space_free,
      priority: row.priority,
      health: this.health.shunned(row.id) === null ? ('healthy' as const) : ('unsteady' as const),
    }));
    return { spread, candidates };
  }

  /** Connections have changed: the next chunk goes by what is true now, in this gateway at least. */
  forget(): void {
    this.known.clear();
  }

  private async read(account: string): Promise<Known> {
    const known = this.known.get(account);
    if (known && known.until > performance.now()) return known;
    const [spread, connections] = await Promise.all([this.of(account), connectionsOpenTo(this.database, account)]);
    const read = { spread, connections, until: performance.now() + FRESH_MS };
    this.known.set(account, read);
    return read;
  }
}

function chosen(rows: readonly ConnectionRow[], spread: SpreadRow): ConnectionRow[] {
  return rows.filter((row) => row.enabled && (spread.connections === null || spread.connections.includes(row.id)));
}
