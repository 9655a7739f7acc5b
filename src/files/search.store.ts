import type { Sql } from '../database/index.js';
import { type ListedRow, NODE, VERSION } from './tree.store.js';

export interface Sought {
  /** Any part of the name, in any case. */
  readonly name?: string;
  /** What the name begins with. */
  readonly prefix?: string;
  readonly type?: 'file' | 'folder';
  /** `image/jpeg`, or `image/*` for all that begin so. */
  readonly contentType?: string;
  readonly minSize?: number;
  readonly maxSize?: number;
  readonly modifiedAfter?: string;
  readonly modifiedBefore?: string;
}

export type SearchOrder = 'name' | 'newest' | 'largest';

export interface SearchPage {
  readonly order: SearchOrder;
  /** The last hit of the page before. */
  readonly after: { key: string; id: string } | null;
  readonly most: number;
}

export type HitRow = ListedRow & { sort_key: string };

/** Lower-case by the database's own rules, on both sides; and in the order of code points. */
const lower = (text: string): string => `lower(${text}::text collate "default") collate "C"`;
const LOWER_NAME = `lower(n.name_key collate "default") collate "C"`;
const GRAMS = `name_grams(n.account, lower(n.name_key collate "default"))`;
/** Sorts behind all that begins alike: UTF-8 sorts by code point, and this is the last of them. */
const LAST = `'\u{10ffff}'`;

/** By what the hits are ordered, and the table whose index has that order. */
interface Way {
  readonly drives: 'nodes n' | 'versions v';
  readonly key: string;
  readonly keyType: 'text' | 'timestamptz' | 'bigint';
  readonly id: 'n.id' | 'v.id';
  readonly direction: 'asc' | 'desc';
}

const WAYS: Readonly<Record<SearchOrder, Way>> = {
  name: { drives: 'nodes n', key: LOWER_NAME, keyType: 'text', id: 'n.id', direction: 'asc' },
  newest: { drives: 'versions v', key: 'v.modified_at', keyType: 'timestamptz', id: 'v.id', direction: 'desc' },
  largest: { drives: 'versions v', key: 'v.size', keyType: 'bigint', id: 'v.id', direction: 'desc' },
};

const NODE_STANDS = [`n.account = $1`, `n.trashed_at is null`, `n.parent is not null`];
const VERSION_STANDS = [`v.account = $1`, `v.superseded_at is null`];
const TOGETHER = `n.id = v.file and n.head = v.id`;

/**
 * Plans by the values for the rest of the transaction, which other statements do without: how rare a name is decides which
 * index serves. And memory for a bitmap of some millions of rows: where it does not fit, each row's grams are made anew.
 */
export async function planByValues(sql: Sql): Promise<void> {
  await sql.query(
    `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '32MB', true)`,
  );
}

/** A page of hits among the first so many in the order that is asked for; what they are is looked at one by one. */
export function firstHits(
  sql: Sql,
  account: string,
  sought: Sought,
  page: SearchPage,
  among: number,
): Promise<HitRow[]> {
  const way = WAYS[page.order];
  const asked = new Asked(account, sought, way);
  const start = [...asked.start(page.after), ...asked.range()].join(' and ');
  const order = orderOf(way);
  const wanted = asked.all({ byGrams: false }).join(' and ');
  // Limit 1 in the second table says nothing that the keys do not; it keeps the first one's order, which ends the search early.
  const other =
    way.drives === 'nodes n'
      ? `left join lateral (select * from versions v where v.account = $1 and v.id = n.head limit 1) v on true`
      : `join lateral (select * from nodes n where ${NODE_STANDS.join(' and ')} and ${TOGETHER} limit 1) n on true`;
  const table = way.drives.at(-1) as string;
  const first = `(select *, ${way.key} as way_key from ${way.drives} where ${start} ${order} limit ${among}) ${table}`;
  const sameOrder = `order by ${table}.way_key ${way.direction}, ${way.id} ${way.direction}`;
  return asked.run(sql, `from ${first} ${other} where ${wanted} ${sameOrder}`, page.most);
}

/** Whether more than so many names hold the part, as far as its grams tell: no planner can, they hang together too much. */
export async function isCommonName(sql: Sql, account: string, name: string, beyond: number): Promise<boolean> {
  const rows = await sql.query<{ found: number }>(
    `select count(*) as found from (
       select 1 from nodes n where ${NODE_STANDS.join(' and ')} and ${GRAMS} @> wanted_grams($1::uuid, lower($2::text collate "default"))
       limit $3) names`,
    [account, name, beyond + 1],
  );
  return (rows[0]?.found ?? 0) > beyond;
}

/**
 * A page of hits, found by whichever index the planner thinks brings the fewest. Without grams, where a name is common, what
 * is asked of versions leads, and each name is looked at.
 */
export function rareHits(
  sql: Sql,
  account: string,
  sought: Sought,
  page: SearchPage,
  byGrams: boolean,
): Promise<HitRow[]> {
  const way = WAYS[page.order];
  const asked = new Asked(account, sought, way);
  const wanted = [...asked.start(page.after), ...asked.range(), ...asked.all({ byGrams })];
  const order = orderOf(way);
  if (way.drives === 'nodes n' && !asksVersions(sought)) {
    const first = `(select * from nodes n where ${wanted.join(' and ')} ${order} limit ${page.most}) n`;
    return asked.run(sql, `from ${first} left join versions v on v.account = $1 and v.id = n.head ${order}`, page.most);
  }
  const stands = [...NODE_STANDS, ...VERSION_STANDS].join(' and ');
  if (!byGrams) {
    const node = `(select * from nodes n where ${NODE_STANDS.join(' and ')} and ${TOGETHER} limit 1) n`;
    const each = `versions v join lateral ${node} on true`;
    return asked.run(sql, `from ${each} where ${stands} and ${wanted.join(' and ')} ${order}`, page.most);
  }
  return asked.run(
    sql,
    `from nodes n join versions v on ${TOGETHER} where ${stands} and ${wanted.join(' and ')} ${order}`,
    page.most,
  );
}

function orderOf({ key, id, direction }: Way): string {
  return `order by ${key} ${direction}, ${id} ${direction}`;
}

/** Whether something is asked that only a version can tell. */
export function asksVersions({ contentType, minSize, maxSize, modifiedAfter, modifiedBefore }: Sought): boolean {
  return [contentType, minSize, maxSize, modifiedAfter, modifiedBefore].some((asked) => asked !== undefined);
}

/** A search as conditions and values. */
class Asked {
  readonly #values: unknown[];

  constructor(
    account: string,
    private readonly sought: Sought,
    private readonly way: Way,
  ) {
    this.#values = [account];
  }

  run(sql: Sql, source: string, most: number): Promise<HitRow[]> {
    const columns = `${NODE}, ${VERSION}, (${this.way.key})::text as sort_key`;
    return sql.query<HitRow>(`select ${columns} ${source} limit ${this.#value(most)}`, this.#values);
  }

  /** What holds for every row of the table that has the order, and where in the order the page begins. */
  start(after: SearchPage['after']): string[] {
    const { drives, key, keyType, id, direction } = this.way;
    const stands = drives === 'nodes n' ? NODE_STANDS : VERSION_STANDS;
    if (!after) return stands;
    const beyond = direction === 'asc' ? '>' : '<';
    return [
      ...stands,
      `(${key}, ${id}) ${beyond} (${this.#value(after.key)}::${keyType}, ${this.#value(after.id)}::uuid)`,
    ];
  }

  /** What narrows the order itself. */
  range(): string[] {
    if (this.way.key === 'v.modified_at') return this.#modified();
    if (this.way.key === 'v.size') return this.#size();
    return [...this.#prefix(), ...this.#type()];
  }

  all({ byGrams }: { byGrams: boolean }): string[] {
    return [
      'true',
      this.#name(byGrams),
      this.#prefix(),
      this.#type(),
      this.#contentType(),
      this.#size(),
      this.#modified(),
    ].flat();
  }

  #name(byGrams: boolean): string[] {
    const { name } = this.sought;
    if (name === undefined) return [];
    const part = this.#value(name);
    const holds = `strpos(${LOWER_NAME}, ${lower(part)}) > 0`;
    if (!byGrams) return [holds];
    return [`${GRAMS} @> wanted_grams($1::uuid, lower(${part}::text collate "default"))`, holds];
  }

  #prefix(): string[] {
    const { prefix } = this.sought;
    if (prefix === undefined) return [];
    const from = lower(this.#value(prefix));
    return [`${LOWER_NAME} >= ${from}`, `${LOWER_NAME} < (${from}) || ${LAST}`];
  }

  /** Written out, not as a value: folders have an index of their own, and the planner must see that it serves. */
  #type(): string[] {
    const { type } = this.sought;
    return type === undefined ? [] : [`n.kind = '${type}'`];
  }

  /** A type may be followed by parameters: `text/plain; charset=utf-8` is `text/plain`. */
  #contentType(): string[] {
    const { contentType } = this.sought;
    if (contentType === undefined) return [];
    const type = 'v.content_type collate "C"';
    if (contentType.endsWith('/*')) {
      const from = this.#value(contentType.slice(0, -1));
      return [`${type} >= ${from}::text`, `${type} < ${from}::text || ${LAST}`];
    }
    const exact = this.#value(contentType);
    return [`(${type} = ${exact}::text or ${type} >= ${exact}::text || ';' and ${type} < ${exact}::text || '<')`];
  }

  #size(): string[] {
    const { minSize, maxSize } = this.sought;
    return [
      ...(minSize === undefined ? [] : [`v.size >= ${this.#value(minSize)}::bigint`]),
      ...(maxSize === undefined ? [] : [`v.size <= ${this.#value(maxSize)}::bigint`]),
    ];
  }

  #modified(): string[] {
    const { modifiedAfter, modifiedBefore } = this.sought;
    return [
      ...(modifiedAfter === undefined ? [] : [`v.modified_at >= ${this.#value(modifiedAfter)}::timestamptz`]),
      ...(modifiedBefore === undefined ? [] : [`v.modified_at < ${this.#value(modifiedBefore)}::timestamptz`]),
    ];
  }

  #value(given: unknown): string {
    const at = this.#values.indexOf(given);
    return `$${at > 0 ? at + 1 : this.#values.push(given)}`;
  }
}
