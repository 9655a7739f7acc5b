import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { Candidate } from '#dispersal';
import { Config } from '../config/index.js';
import { Database, type Sql } from '../database/index.js';
import { aliveGateways } from '../gateways/index.js';
import { ConnectionHealth } from './connection-health.js';
import { connectionsOpenTo, setSpread, spreadOf, type ConnectionRow, type SpreadRow } from './connections.store.js';
import { SpreadUnmet } from './errors.js';
import { UsualTimes } from './usual-times.js';

/** One copy, on whichever of the account's connections has room. */
const USUAL: SpreadRow = { data: 1, parity: 0, connections: null };

/** How long a gateway goes by what it read of an account's connections. */
const FRESH_MS = 2_000;

interface Known {
  readonly spread: SpreadRow;
  readonly connections: readonly ConnectionRow[];
  /** Whether no other gateway runs. */
  readonly alone: boolean;
  readonly until: number;
}

/** How an account's new chunks are spread, and which connections may take them. */
@Injectable()
export class Spreads {
  private readonly known = new Map<string, Known>();
  private realFolder: Promise<string> | undefined;

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly times: UsualTimes,
    @Inject(Config) private readonly config: Config,
  ) {}

  async of(account: string, sql: Sql = this.database): Promise<SpreadRow> {
    return (await spreadOf(sql, account)) ?? USUAL;
  }

  /** Refuses what the account's connections cannot hold; later losses are another matter, and no reason to refuse. */
  async change(account: string, wanted: SpreadRow): Promise<SpreadRow> {
    const rows = await connectionsOpenTo(this.database, account);
    const unknown = wanted.connections?.find((id) => !rows.some((row) => row.id === id));
    if (unknown !== undefined) throw new SpreadUnmet('One of the connections does not exist.');
    const lasting = rows.filter((row) => row.given_up_at === null && row.drain_since === null);
    const domains = new Set(chosen(lasting, wanted).map((row) => row.domain));
    if (domains.size < wanted.data + wanted.parity) {
      throw new SpreadUnmet('There are fewer places that fail apart from each other than this spread needs.');
    }
    await setSpread(this.database, account, wanted);
    this.known.delete(account);
    return wanted;
  }

  /**
   * The spread with the connections that may take a new chunk now, those that failed lately marked as unsteady, each with
   * how long it takes to answer this gateway; and the vaults where a shard may wait for its own place.
   */
  async plan(account: string): Promise<{ spread: SpreadRow; candidates: Candidate[]; spools: Candidate[] }> {
    const { spread, connections, alone } = await this.read(account);
    if (spread.connections !== null && !connections.some(({ id }) => spread.connections?.includes(id))) {
      throw new SpreadUnmet('The connections that the default storage names are gone. Choose others.');
    }
    const folder = await this.dataFolder();
    const usable = connections.filter(takesChunks);
    const candidate = (row: ConnectionRow): Candidate => this.candidate(row);
    return {
      spread,
      candidates: chosen(usable, spread).map(candidate),
      spools: usable.filter((row) => isSpool(row, alone ? folder : null)).map(candidate),
    };
  }

  /** Connections have changed: the next chunk goes by what is true now, in this gateway at least. */
  forget(): void {
    this.known.clear();
  }

  private async read(account: string): Promise<Known> {
    const known = this.known.get(account);
    if (known && known.until > performance.now()) return known;
    const [spread, connections, alive] = await Promise.all([
      this.of(account),
      connectionsOpenTo(this.database, account),
      aliveGateways(this.database),
    ]);
    const read = { spread, connections, alone: alive.size <= 1, until: performance.now() + FRESH_MS };
    this.known.set(account, read);
    return read;
  }

  private candidate(row: ConnectionRow): Candidate {
    const steady = this.health.shunned(row.id) === null;
    const { id, domain, priority } = row;
    const usualMs = this.times.of(id)?.medianMs;
    const known = { id, domain, free: row.space_free, priority, health: steady ? 'healthy' : 'unsteady' } as const;
    return usualMs === undefined ? known : { ...known, usualMs };
  }

  /** As vaults are named: without links. */
  private dataFolder(): Promise<string> {
    return (this.realFolder ??= realpath(this.config.dataFolder).catch(() => this.config.dataFolder));
  }
}

/** Under an alarm nothing is written; a consent that has ended opens nothing; what is given up or emptied takes nothing new. */
function takesChunks(row: ConnectionRow): boolean {
  const ends = row.given_up_at !== null || row.drain_since !== null;
  return row.enabled && row.alarm === null && row.needs_reconnect_at === null && !ends;
}

/**
 * A vault of the house on a disk of ours. One beside the database is read by this gateway alone, unless an admin has said
 * otherwise: where others run, what waits there would not count as stored.
 */
function isSpool(row: ConnectionRow, dataFolder: string | null): boolean {
  if (row.provider !== 'local' || row.account !== null) return false;
  return row.spool || (dataFolder !== null && row.identity.startsWith(dataFolder + sep));
}

function chosen(rows: readonly ConnectionRow[], spread: SpreadRow): ConnectionRow[] {
  return rows.filter((row) => row.enabled && (spread.connections === null || spread.connections.includes(row.id)));
}
