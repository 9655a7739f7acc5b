import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { NotFound, TooManyProperties } from './errors.js';
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
import { lockNode, type NodeRow } from './tree.store.js';
import { walkWhole } from './tree.js';

/** Of one file or folder. They bound what a page of a listing with all of them can come to. */
const MOST_PROPERTIES = 100;
const MOST_BYTES = 64 * 1024;

export type PropertyChange = { readonly set: Property } | { readonly remove: PropertyName };

/** What programs note down about files and folders. It is copied with them, and goes with them. */
@Injectable()
export class Properties {
  constructor(
    private readonly database: Database,
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
  change(account: string, names: Names, changes: readonly PropertyChange[], wanted: Preconditions = {}): Promise<void> {
    return this.locks.guard(account, [{ at: names }], wanted.tokens, (enter) =>
      this.database.tx(async (sql) => {
        await enter(sql);
        const found = (await walkWhole(sql, account, names)).at(-1) as NodeRow;
        const node = await lockNode(sql, account, found);
        if (!node) throw new NotFound();
        checkPreconditions(wanted, node.head);
        for (const change of changes) {
          if ('set' in change) await setProperty(sql, account, node.id, change.set);
          else await removeProperty(sql, account, node.id, change.remove);
        }
        const { count, bytes } = await sizeOfProperties(sql, account, node.id);
        if (count > MOST_PROPERTIES || bytes > MOST_BYTES) throw new TooManyProperties();
      }),
    );
  }
}
