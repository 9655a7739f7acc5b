import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import type { NodeBelow } from './below.js';
import type { Names } from './names.js';
import { children, versionById, type ListedRow, type NodeRow, type VersionRow } from './tree.store.js';
import { walkWhole, type FoundFile } from './tree.js';

export interface Walked {
  /** Below where the walk began; what it began at has none. */
  readonly below: Names;
  readonly node: NodeRow;
  /** Null for a folder. */
  readonly file: FoundFile | null;
}

const PAGE = 100;

/**
 * Goes through all that lies at a path, each folder before what is in it. Holds a page of one folder, and of the folders above
 * only where it was in them: what comes and goes meanwhile may or may not be met, what stays is met once.
 */
@Injectable()
export class WalkTree {
  constructor(private readonly database: Database) {}

  async *run(account: string, names: Names): AsyncGenerator<Walked> {
    const nodes = await walkWhole(this.database, account, names);
    const node = nodes.at(-1) as NodeRow;
    const version = node.head ? await versionById(this.database, account, node.head) : undefined;
    yield* this.from(account, { node, file: version ? { node, version, names } : null });
  }

  /** The same, from what was found already. */
  async *from(account: string, { node, file }: NodeBelow): AsyncGenerator<Walked> {
    yield { below: [], node, file };
    if (node.kind === 'folder') yield* this.#below(account, node.id);
  }

  async *#below(account: string, root: string): AsyncGenerator<Walked> {
    const way: { id: string; below: Names; after: string }[] = [{ id: root, below: [], after: '' }];
    for (let at = way.at(-1); at; at = way.at(-1)) {
      const rows = await children(this.database, account, at.id, { after: at.after, most: PAGE });
      if (rows.length === 0) way.pop();
      for (const row of rows) {
        at.after = row.name;
        const below = [...at.below, row.name];
        yield { below, node: row, file: foundIn(row, below) };
        if (row.kind !== 'folder') continue;
        way.push({ id: row.id, below, after: '' });
        break;
      }
    }
  }
}

function foundIn(row: ListedRow, names: Names): FoundFile | null {
  return row.version === null ? null : { node: row, version: row as NodeRow & VersionRow, names };
}
