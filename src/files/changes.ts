import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Change, ChangePage, ChangesQuery } from '#contracts';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import {
  changesAfter,
  type ChangeRow,
  forgetChanges,
  nodesById,
  presentPlaces,
  type Present,
  presentOf,
  settleFeed,
} from './changes.store.js';
import { CursorExpired, CursorRefused } from './errors.js';
import { entryRecord, type EntryRecord } from './records.js';

const CHANGES_AT_ONCE = 5_000;

interface Place {
  readonly xid: string;
  readonly seq: number;
}

/**
 * What changed, in an order in which nothing is ever missed.
 *
 * A change is visible when its transaction has committed, and transactions do not commit in the order of any number that was
 * given out while they ran. Who remembers «up to number 7» and reads on from there misses number 6, if that was given out
 * earlier and committed later. So the order is that of the transactions themselves, and a reader never goes beyond the oldest
 * one that still runs anywhere in the cluster: `pg_snapshot_xmin`. All below it have ended: what they wrote is visible to
 * the statement that comes after, or never will be; and a new transaction always gets a higher number. The price: one writing
 * transaction that stays open holds everybody's cursor back until it ends. It is late then, and never lost.
 *
 * The numbers are the cluster's own. A cursor names the cluster and its timeline, so that after a dump was brought into another
 * cluster, or a backup rolled forward to a point in time, it is refused rather than misunderstood.
 */
@Injectable()
export class Changes implements OnModuleInit {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.database.tx(settleFeed);
  }

  /** A page of changes after a cursor; without one all that are remembered, or none of them and a cursor for what comes. */
  async list(account: string, query: ChangesQuery): Promise<ChangePage> {
    const present = await presentOf(this.database);
    const end = { xid: present.until, seq: 0 };
    if (query.cursor === undefined && query.from === 'now')
      return { items: [], cursor: cursorOf(present, end), more: false };
    const after = query.cursor === undefined ? { xid: '0', seq: 0 } : placeOf(present, query.cursor);
    const page = { ...after, until: present.until, most: query.limit + 1 };
    const rows = await changesAfter(this.database, account, page);
    const shown = rows.slice(0, query.limit);
    const more = rows.length > query.limit;
    const items = await this.#changes(account, shown);
    return { items, cursor: cursorOf(present, more ? (shown.at(-1) as ChangeRow) : end), more };
  }

  /** What upkeep does: forgets what is older than is kept, a bounded piece at a time. */
  async forget(): Promise<void> {
    const { changeDays } = this.config;
    const forgetSome = () => this.database.tx((sql) => forgetChanges(sql, changeDays, CHANGES_AT_ONCE));
    while ((await forgetSome()) === CHANGES_AT_ONCE);
  }

  /** One for each node, where its last one stands: all of them would show the same entry, as it is now. */
  async #changes(account: string, rows: readonly ChangeRow[]): Promise<Change[]> {
    const last = new Map(rows.map((row) => [row.node, row]));
    const ids = [...last.keys()];
    const entries = await this.#entries(account, ids);
    return rows
      .filter((row) => last.get(row.node) === row)
      .map(({ node: id, node_kind: type, change, at }) => {
        return { id, type, change, at: at.toISOString(), entry: entries.get(id) ?? null };
      });
  }

  async #entries(account: string, ids: readonly string[]): Promise<Map<string, EntryRecord>> {
    const places = new Map((await presentPlaces(this.database, account, ids)).map((place) => [place.node, place]));
    const entries = new Map<string, EntryRecord>();
    for (const row of await nodesById(this.database, account, ids)) {
      const place = places.get(row.id);
      if (!place || place.trashed) continue;
      entries.set(row.id, await entryRecord(this.keyring, account, row, place.names.slice(0, -1)));
    }
    return entries;
  }
}

function cursorOf({ feed }: Present, { xid, seq }: Place): string {
  return Buffer.from(`${feed}.${xid}.${seq}`).toString('base64url');
}

function placeOf(present: Present, cursor: string): Place {
  const [, feed, xid, seq] = /^([0-9a-f]{12})\.(\d{1,19})\.(\d{1,15})$/.exec(decoded(cursor)) ?? [];
  if (feed === undefined) throw new CursorRefused();
  if (feed !== present.feed) throw new CursorExpired();
  const at = BigInt(xid!);
  if (at > BigInt(present.until) || at <= BigInt(present.forgotten_until)) throw new CursorExpired();
  return { xid: xid!, seq: Number(seq) };
}

function decoded(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString('latin1');
}
