import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { IntoItself, NameTaken, RootStays } from './errors.js';
import type { Touch } from './lock-rules.js';
import { type Enter, Locks } from './locks.js';
import { refuseImmutable } from './immutable.store.js';
import { formatPath, type Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import { fileRecord, folderRecord, type EntryRecord } from './records.js';
import { putIntoTrash } from './trash.store.js';
import { childNamed, lockStructure, relocate, versionById, walk, type NodeRow, type VersionRow } from './tree.store.js';
import { foldersAbove, touchesAt, walkWhole } from './tree.js';

export interface Placing {
  /** Whatever is at the target goes into the trash; without this it stays, and the call is refused. */
  readonly overwrite?: boolean;
  /** Asked of what is moved or copied. */
  readonly wanted?: Preconditions;
}

export interface Placed {
  readonly entry: EntryRecord;
  /** Something that was at the target went for it. */
  readonly replaced: boolean;
}

interface Moved {
  readonly node: NodeRow;
  readonly version: VersionRow | undefined;
  readonly names: Names;
  readonly replaced: boolean;
}

/**
 * Renames or moves a file or a folder with all that is in it: one row changes, whatever the size,
 * since everything below hangs on the folder's id. Moves, deletions and restores of one account
 * take turns, so that two moves cannot make a circle; uploads under the folder go on meanwhile.
 */
@Injectable()
export class MoveEntry {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  async run(account: string, from: Names, to: Names, placing: Placing = {}): Promise<Placed> {
    const { wanted = {} } = placing;
    const touches = async (): Promise<Touch[]> => [
      { at: from, deep: true, member: true },
      ...(await touchesAt(this.database, account, to)),
    ];
    const { node, version, names, replaced } = await this.locks.guard(account, touches, wanted.tokens, (enter) =>
      this.#move(enter, account, { from, to }, placing),
    );
    await this.locks.endBelow(account, from);
    const entry = version
      ? await fileRecord(this.keyring, account, { node, version, names })
      : folderRecord(node, names);
    return { entry, replaced };
  }

  #move(enter: Enter, account: string, way: { from: Names; to: Names }, placing: Placing): Promise<Moved> {
    const { from, to } = way;
    const { wanted = {} } = placing;
    return this.database.tx(async (sql) => {
      await enter(sql);
      await lockStructure(sql, account);
      const nodes = await walkWhole(sql, account, from);
      const node = nodes.at(-1) as NodeRow;
      if (node.parent === null) throw new RootStays();
      checkPreconditions(wanted, node.head);
      const place = await placeFor(sql, account, to, wanted);
      if (place.parents.some((step) => step.id === node.id)) throw new IntoItself();
      const replaced = place.there !== undefined && place.there.id !== node.id;
      if (replaced) await makeWay(sql, account, { nodes, there: place.there as NodeRow, names: place.names }, placing);
      const parent = (place.parents.at(-1) as NodeRow).id;
      await refuseImmutable(sql, account, node.id);
      const there = await relocate(sql, account, node.id, { parent, name: to.at(-1) as string });
      const version = node.head ? await versionById(sql, account, node.head) : undefined;
      return { node: there, version, names: place.names, replaced };
    });
  }
}

export interface Place {
  /** The top folder first. */
  readonly parents: readonly NodeRow[];
  /** What has the name now. */
  readonly there: NodeRow | undefined;
  /** As they are spelled in the tree. */
  readonly names: Names;
}

/** Where something is to lie, its folders made where that is wanted. */
export async function placeFor(sql: Sql, account: string, to: Names, wanted: Preconditions): Promise<Place> {
  const name = to.at(-1);
  if (name === undefined) throw new NameTaken();
  const found = await walk(sql, account, to.slice(0, -1));
  const parents = await foldersAbove(sql, account, found, { names: to, wanted });
  const there = await childNamed(sql, account, (parents.at(-1) as NodeRow).id, name);
  return { parents, there, names: [...parents.slice(1).map((step) => step.name), name] };
}

/** Puts what is at the target into the trash, unless it is to stay, or what shall lie there would go with it. */
export async function makeWay(
  sql: Sql,
  account: string,
  way: { nodes: readonly NodeRow[]; there: NodeRow; names: Names },
  placing: Placing,
): Promise<void> {
  const { nodes, there, names } = way;
  if (nodes.some((step) => step.id === there.id)) throw new IntoItself();
  if (!placing.overwrite) throw new NameTaken();
  await putIntoTrash(sql, account, there.id, formatPath(names.with(-1, there.name)));
}
