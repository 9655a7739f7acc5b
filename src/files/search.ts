import { Injectable } from '@nestjs/common';
import { Id, type NodeRecord, type SearchPage, type SearchQuery } from '#contracts';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { presentPlaces } from './changes.store.js';
import { CursorRefused } from './errors.js';
import { nameKey } from './names.js';
import { entryRecord } from './records.js';
import {
  fewHits,
  firstHits,
  planByValues,
  type HitRow,
  type SearchOrder,
  type SearchPage as SearchOf,
  type Sought,
} from './search.store.js';

/**
 * Of the first so many in the order that is asked for, those that fit are looked for one by one. What is common fills the page
 * from them, where any index would bring hundreds of thousands to be sorted. Otherwise it is rare, and indexes bring few.
 */
const FIRST_LOOKED_AT: Readonly<Record<SearchOrder, number>> = { name: 10_000, newest: 3_000, largest: 3_000 };
/** So many times as far, if the page would be filled there as things look. */
const FURTHER = 5;
/** What lies in a deleted folder is found and left out; after so many looks the page is answered as it is. */
const MOST_LOOKS = 5;

/** Finds files and folders of an account by name, time, size and type. What lies in the trash, however deep, is not found. */
@Injectable()
export class Search {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
  ) {}

  async run(account: string, query: SearchQuery): Promise<SearchPage> {
    const { limit, cursor, sort, ...criteria } = query;
    const order = sort ?? (query.name === undefined && query.prefix === undefined ? 'newest' : 'name');
    const sought = inNormalForm(criteria);
    let after = cursor === undefined ? null : decodeCursor(order, cursor);
    const items: NodeRecord[] = [];
    for (let look = 0; look < MOST_LOOKS; look++) {
      const wanted = limit - items.length;
      const rows = await this.find(account, sought, { order, after, most: wanted + 1 });
      const shown = rows.slice(0, wanted);
      items.push(...(await this.#records(account, shown)));
      const last = shown.at(-1);
      if (rows.length <= wanted || !last) return { items };
      after = { key: last.sort_key, id: last.id };
      if (items.length === limit) break;
    }
    return { items, ...(after && { nextCursor: encodeCursor(order, after) }) };
  }

  /** Rows that fit, in their order. What lies in the trash with a folder is still among them. */
  find(account: string, sought: Sought, page: SearchOf): Promise<HitRow[]> {
    return this.database.tx(async (sql) => {
      await planByValues(sql);
      const among = FIRST_LOOKED_AT[page.order];
      const first = await firstHits(sql, account, sought, page, among);
      if (first.length === page.most) return first;
      if (first.length * FURTHER >= page.most * 2) {
        const further = await firstHits(sql, account, sought, page, among * FURTHER);
        if (further.length === page.most) return further;
      }
      return fewHits(sql, account, sought, page);
    });
  }

  async #records(account: string, rows: readonly HitRow[]): Promise<NodeRecord[]> {
    const ids = rows.map(({ id }) => id);
    const places = new Map((await presentPlaces(this.database, account, ids)).map((place) => [place.node, place]));
    const records: NodeRecord[] = [];
    for (const row of rows) {
      const place = places.get(row.id);
      if (!place || place.trashed) continue;
      records.push(await entryRecord(this.keyring, account, row, place.names.slice(0, -1)));
    }
    return records;
  }
}

function inNormalForm({ name, prefix, ...rest }: Sought): Sought {
  return {
    ...rest,
    ...(name !== undefined && { name: nameKey(name) }),
    ...(prefix !== undefined && { prefix: nameKey(prefix) }),
  };
}

const KEYS: Readonly<Record<SearchOrder, (key: string) => boolean>> = {
  name: (key) => !key.includes('\0'),
  newest: isMoment,
  largest: (key) => /^\d{1,16}$/.test(key),
};

const MOMENT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)[+-](?:0\d|1[0-5])(?::[0-5]\d){0,2}$/;

/** A time as the database writes it, which it reads again: no thirtieth of February. */
function isMoment(key: string): boolean {
  const [, day, time] = MOMENT.exec(key) ?? [];
  const at = new Date(`${day}T${time}Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day!);
}

function encodeCursor(order: SearchOrder, { key, id }: { key: string; id: string }): string {
  return Buffer.from(`${order} ${id} ${key}`).toString('base64url');
}

function decodeCursor(order: SearchOrder, cursor: string): { key: string; id: string } {
  const [, of, id, key = ''] = /^(\S+) (\S+) (.*)$/s.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (of !== order || !Id.safeParse(id).success || !KEYS[order](key)) throw new CursorRefused();
  return { key, id: id! };
}
