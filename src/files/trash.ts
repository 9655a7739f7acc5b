import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { NameTaken, NotFound, RootStays } from './errors.js';
import { formatPath, parsePath, type Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import { fileRecord, folderRecord, type EntryRecord } from './records.js';
import {
  childNamed,
  lockNode,
  lockStructure,
  putIntoTrash,
  relocate,
  trashedNode,
  versionById,
  type NodeRow,
} from './tree.store.js';
import { ensureFolders, walkWhole } from './tree.js';

/** Deleting is putting into the trash, where a file or folder keeps its id, its versions and all that lies below it. */
@Injectable()
export class Trash {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
  ) {}

  put(account: string, names: Names, wanted: Preconditions = {}): Promise<void> {
    return this.database.tx(async (sql) => {
      await lockStructure(sql, account);
      const nodes = await walkWhole(sql, account, names);
      const found = nodes.at(-1) as NodeRow;
      if (found.parent === null) throw new RootStays();
      const node = await lockNode(sql, account, found);
      if (!node) throw new NotFound();
      checkPreconditions(wanted, node.head);
      const path = formatPath(nodes.slice(1).map((step) => step.name));
      await putIntoTrash(sql, account, node.id, path);
    });
  }

  /** Puts it back where it was, making the folders that are gone by now; a name that is taken meanwhile is NameTaken. */
  async restore(account: string, id: string): Promise<EntryRecord> {
    const restored = await this.database.tx(async (sql) => {
      await lockStructure(sql, account);
      const node = await trashedNode(sql, account, id);
      if (!node) throw new NotFound('There is nothing with this id in the trash.');
      const parents = await ensureFolders(sql, account, parsePath(node.trashed_path).slice(0, -1));
      const parent = parents.at(-1) as NodeRow;
      if (await childNamed(sql, account, parent.id, node.name)) throw new NameTaken();
      await relocate(sql, account, node.id, { parent: parent.id, name: node.name });
      const version = node.head ? await versionById(sql, account, node.head) : undefined;
      return { node, version, names: [...parents.slice(1).map((step) => step.name), node.name] };
    });
    const { node, version, names } = restored;
    return version ? fileRecord(this.keyring, account, { node, version, names }) : folderRecord(node, names);
  }
}
