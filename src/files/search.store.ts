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

/** By what the hits are ordered; each has an index of that order. */
interface Way {
  readonly key: string;
  readonly keyType: 'text' | 'timestamptz' | 'bigint';
  readonly direction: 'asc' | 'desc';
  /** Only files have what it orders by. */
  readonly files: boolean;
}

const WAYS: Readonly<Record<SearchOrder, Way>> = {
  name: { key: LOWER_NAME, keyType: 'text', direction: 'asc', files: false },
  newest: { key: 'n.head_modified_at', keyType: 'timestamptz', direction: 'desc', files: true },
  largest: { key: 'n.head_size', keyType: 'bigint', direction: 'desc', files: true },
};

const STANDS = [`n.account = $1`, `n.trashed_at is null`, `n.parent is not null`];
const IS_FILE = `n.head is not null`;

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
  const asked = new Asked(account, sought, WAYS[page.order]);
  const start = [...asked.start(page.after), ...asked.range()].join(' and ');
  const first = `select n.* from nodes n where ${start} ${asked.order} limit ${among}`;
  return asked.run(sql, `(${first}) n where ${asked.all({ byGrams: false })}`, page.most);
}

/**
 * A page of hits, found by whichever indexes the planner thinks bring the fewest, cut with each other. They are found first
 * and ordered then: walking along the order until the page is full is what was tried before.
 */
export function fewHits(sql: Sql, account: string, sought: Sought, page: SearchPage): Promise<HitRow[]> {
  const asked = new Asked(account, sought, WAYS[page.order]);
  const wanted = [...asked.start(page.after), asked.all({ byGrams: true })].join(' and ');
  return asked.run(sql, `nodes n where ${wanted}`, page.most, 'materialized');
}

/** Whether something is asked that only a file has. */
function asksFiles({ contentType, minSize, maxSize, modifiedAfter, modifiedBefore }: Sought): boolean {
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

  get order(): string {
    const { key, direction } = this.way;
    return `order by ${key} ${direction}, n.id ${direction}`;
  }

  /** Of what is found, the first in the order, with their versions. Materialized: all is found first, and ordered then. */
  run(sql: Sql, source: string, most: number, how = 'not materialized'): Promise<HitRow[]> {
    const { key, direction } = this.way;
    const order = `order by f.key ${direction}, f.id ${direction}`;
    return sql.query<HitRow>(
      `with found as ${how} (select n.id, ${key} as key from ${source}),
         page as materialized (select * from found f ${order} limit ${this.#value(most)})
       select ${NODE}, ${VERSION}, f.key::text as sort_key
       from page f join nodes n on n.account = $1 and n.id = f.id left join versions v on v.account = $1 and v.id = n.head
       ${order}`,
      this.#values,
    );
  }

  /** What holds for all that has the order, and where in the order the page begins. */
  start(after: SearchPage['after']): string[] {
    const { key, keyType, direction, files } = this.way;
    const stands = files || asksFiles(this.sought) ? [...STANDS, IS_FILE] : STANDS;
    if (!after) return stands;
    const beyond = direction === 'asc' ? '>' : '<';
    return [
      ...stands,
      `(${key}, n.id) ${beyond} (${this.#value(after.key)}::${keyType}, ${this.#value(after.id)}::uuid)`,
    ];
  }

  /** What narrows the order itself. */
  range(): string[] {
    if (this.way.key === WAYS.newest.key) return this.#modified();
    if (this.way.key === WAYS.largest.key) return this.#size();
    return [...this.#prefix(), ...this.#type()];
  }

  all({ byGrams }: { byGrams: boolean }): string {
    const { way } = this;
    return [
      'true',
      this.#name(byGrams),
      this.#prefix(),
      this.#type(),
      this.#contentType(),
      this.#size(),
      this.#modified(),
      way.files ? IS_FILE : [],
    ]
      .flat()
      .join(' and ');
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
    const type = 'n.head_type collate "C"';
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
      ...(minSize === undefined ? [] : [`n.head_size >= ${this.#value(minSize)}::bigint`]),
      ...(maxSize === undefined ? [] : [`n.head_size <= ${this.#value(maxSize)}::bigint`]),
    ];
  }

  #modified(): string[] {
    const { modifiedAfter, modifiedBefore } = this.sought;
    return [
      ...(modifiedAfter === undefined ? [] : [`n.head_modified_at >= ${this.#value(modifiedAfter)}::timestamptz`]),
      ...(modifiedBefore === undefined ? [] : [`n.head_modified_at < ${this.#value(modifiedBefore)}::timestamptz`]),
    ];
  }

  #value(given: unknown): string {
    const at = this.#values.indexOf(given);
    return `$${at > 0 ? at + 1 : this.#values.push(given)}`;
  }
}
