import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { IntoItself, NameTaken, RootStays } from './errors.js';
import type { Names } from './names.js';
import { fileRecord, folderRecord, type EntryRecord } from './records.js';
import { childNamed, lockStructure, relocate, versionById, type NodeRow } from './tree.store.js';
import { ensureFolders, walkWhole } from './tree.js';

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
  ) {}

  async run(account: string, from: Names, to: Names): Promise<EntryRecord> {
    const moved = await this.database.tx(async (sql) => {
      await lockStructure(sql, account);
      const node = (await walkWhole(sql, account, from)).at(-1) as NodeRow;
      const name = to.at(-1);
      if (node.parent === null) throw new RootStays();
      if (name === undefined) throw new NameTaken();
      const parents = await ensureFolders(sql, account, to.slice(0, -1));
      if (parents.some((step) => step.id === node.id)) throw new IntoItself();
      const parent = parents.at(-1) as NodeRow;
      const there = await childNamed(sql, account, parent.id, name);
      if (there && there.id !== node.id) throw new NameTaken();
      const moved = await relocate(sql, account, node.id, { parent: parent.id, name });
      const version = node.head ? await versionById(sql, account, node.head) : undefined;
      const names = [...parents.slice(1).map((step) => step.name), name];
      return { node: moved, version, names };
    });
    const { node, version, names } = moved;
    return version ? fileRecord(this.keyring, account, { node, version, names }) : folderRecord(node, names);
  }
}
