import { Injectable } from '@nestjs/common';
import type { ImmutableFolder, ImmutableFolderList } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import { presentPlaces } from './changes.store.js';
import { DateUnfit, NotAFolder, RootStays, TooManyImmutable } from './errors.js';
import { immutableFolders, makeImmutable } from './immutable.store.js';
import { formatPath, type Names } from './names.js';
import { lockStructure, type NodeRow } from './tree.store.js';
import { walkWhole } from './tree.js';

/** A slip of the hand must not lock an account for a thousand years. */
const MOST_DAYS = 36_525;
const MOST_FOLDERS = 1_000;

/**
 * Folders of originals. Until the date, whatever lies in one, at any depth, whenever it came: is not moved, renamed or deleted; and
 * none of its versions is erased, by hand or by upkeep. Writing goes on: what is written over a file is a new version beside the
 * original, and new files and folders stand beside it; they stay as well. Nobody ends this early, its owner neither.
 */
@Injectable()
export class ImmutableFolders {
  constructor(
    private readonly database: Database,
    private readonly record: AuditRecord,
  ) {}

  make(account: string, names: Names, until: string): Promise<ImmutableFolder> {
    return this.database.tx(async (sql) => {
      // Moves, deletions and erasures of versions hold it too: they come wholly before, or are refused.
      await lockStructure(sql, account);
      const nodes = await walkWhole(sql, account, names);
      const node = nodes.at(-1) as NodeRow;
      if (node.kind === 'file') throw new NotAFolder();
      if (node.parent === null) throw new RootStays();
      const others = await immutableFolders(sql, account);
      if (others.length >= MOST_FOLDERS && !others.some((other) => other.node === node.id))
        throw new TooManyImmutable(MOST_FOLDERS);
      const made = await makeImmutable(sql, account, node.id, until, MOST_DAYS);
      if (!made) throw new DateUnfit();
      const details = { until: made.until.toISOString() };
      await this.record.append(sql, {
        actor: account,
        account,
        action: 'folder.made-immutable',
        subject: node.id,
        details,
      });
      return {
        id: node.id,
        path: formatPath(nodes.slice(1).map((step) => step.name)),
        until: made.until.toISOString(),
      };
    });
  }

  async list(account: string): Promise<ImmutableFolderList> {
    const rows = await immutableFolders(this.database, account);
    const nodes = rows.map(({ node }) => node);
    const places = new Map((await presentPlaces(this.database, account, nodes)).map((place) => [place.node, place]));
    const items = rows.map(({ node, until }) => {
      return { id: node, path: formatPath(places.get(node)?.names ?? []), until: until.toISOString() };
    });
    return { items };
  }
}
