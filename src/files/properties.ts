import { Injectable } from '@nestjs/common';
import { holdContents } from '../contents/index.js';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring, type AccountKeys } from '../keys/index.js';
import { IsFolder, NotFound, TooManyProperties } from './errors.js';
import { Locks } from './locks.js';
import type { Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import {
  propertiesOf,
  removeProperty,
  setProperty,
  sizeOfProperties,
  type Property,
  type PropertyName,
} from './properties.store.js';
import { sealedRow } from './publish-version.js';
import { type KnownKeys, sameContent } from './same-content.js';
import { insertVersion, lockNode, type NodeRow, versionById } from './tree.store.js';
import { walkWhole } from './tree.js';

/** Of one file or folder. They bound what a page of a listing with all of them can come to. */
const MOST_PROPERTIES = 100;
const MOST_BYTES = 64 * 1024;

/** `modifiedAt` is no property of a program's: it gives a file another time, in a new version that holds the same content. */
export type PropertyChange =
  | { readonly set: Property }
  | { readonly remove: PropertyName }
  | { readonly modifiedAt: Date; readonly as: PropertyName };

/** What programs note down about files and folders. It is copied with them, and goes with them. */
@Injectable()
export class Properties {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  /** By the id of the file or folder; `names` null is all of them. */
  async of(
    account: string,
    ids: readonly string[],
    names: readonly PropertyName[] | null,
  ): Promise<ReadonlyMap<string, readonly Property[]>> {
    return Map.groupBy(await propertiesOf(this.database, account, ids, names), (row) => row.node);
  }

  /** All of the changes in their order, or none. Throws TooManyProperties. */
  async change(
    account: string,
    names: Names,
    changes: readonly PropertyChange[],
    wanted: Preconditions = {},
  ): Promise<void> {
    const keys = await this.keyring.current(account);
    const known = await this.keyring.all(account);
    await this.locks.guard(account, [{ at: names }], wanted.tokens, (enter) =>
      this.database.tx(async (sql) => {
        await enter(sql);
        const found = (await walkWhole(sql, account, names)).at(-1) as NodeRow;
        const node = await lockNode(sql, account, found);
        if (!node) throw new NotFound();
        checkPreconditions(wanted, node.head);
        for (const change of changes) {
          if ('set' in change) await setProperty(sql, account, node.id, change.set);
          else if ('remove' in change) await removeProperty(sql, account, node.id, change.remove);
          else await retime(sql, { account, node, keys, known }, change.modifiedAt);
        }
        const { count, bytes } = await sizeOfProperties(sql, account, node.id);
        if (count > MOST_PROPERTIES || bytes > MOST_BYTES) throw new TooManyProperties();
      }),
    );
  }
}

/** The caller holds the file's row. A version is never changed, since its seal covers its time. */
async function retime(
  sql: Sql,
  file: { account: string; node: NodeRow; keys: AccountKeys; known: KnownKeys },
  modifiedAt: Date,
): Promise<void> {
  const { account, node, keys, known } = file;
  if (node.head === null) throw new IsFolder();
  const version = await versionById(sql, account, node.head);
  if (!version || !(await holdContents(sql, account, [version.content]))) throw new NotFound();
  if (version.version_modified_at.getTime() === modifiedAt.getTime()) return;
  const place = { account, file: node.id };
  const row = sealedRow(keys, place, { ...sameContent(known, place, version), modifiedAt });
  await insertVersion(sql, account, row, node.head);
}
