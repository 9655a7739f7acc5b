import { Inject, Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { beginErasing, eraseUnheld } from '../contents/index.js';
import { Database } from '../database/index.js';
import {
  accountsWithOldTrash,
  anyFolderIn,
  askToErase,
  askToEraseOldest,
  eraseEmptyFolders,
  eraseFiles,
  eraseFolder,
  erasuresAsked,
  filesIn,
  oldVersionsIn,
  setFreeTrashIn,
  type Erasure,
} from './erasing.store.js';
import { NotInTrash } from './errors.js';
import { lockStructure } from './tree.store.js';
import { deleteOldVersions } from './versions.store.js';

/** Rows of nodes and versions that one transaction touches; and of chunks, unless a single file has more. */
const ROWS_AT_ONCE = 500;
const CHUNKS_AT_ONCE = 5_000;
/** How long a request, and a round of upkeep, goes on; what is left then is left to the next round. */
const REQUEST_MS = 5_000;
const ROUND_MS = 10_000;

/**
 * Erases what lies in the trash, for good. First it is marked, in one transaction: from then on it is in no listing and
 * cannot be restored. Then it is erased from its leaves up, in transactions of a bounded size, which may stop anywhere:
 * upkeep goes on with what is marked. With its last version a content goes, in the same transaction: its key is destroyed,
 * its blobs are condemned, its quota is free again.
 */
@Injectable()
export class EraseTrash {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
  ) {}

  async one(account: string, id: string): Promise<void> {
    const found = await this.database.tx(async (sql) => {
      await lockStructure(sql, account);
      return askToErase(sql, account, id);
    });
    if (!found) throw new NotInTrash();
    await this.#goOn(account, REQUEST_MS);
  }

  /** All that is in the trash by now. */
  async all(account: string): Promise<void> {
    await this.#mark(account, 0);
    await this.#goOn(account, REQUEST_MS);
  }

  /** What upkeep does: marks what has lain there for too long, and goes on with all that is marked. */
  async run(): Promise<void> {
    const { trashDays } = this.config;
    if (trashDays > 0) {
      for (const { account } of await accountsWithOldTrash(this.database, trashDays, ROWS_AT_ONCE)) {
        await this.#mark(account, trashDays);
      }
    }
    await this.#goOn(null, ROUND_MS);
  }

  async #mark(account: string, days: number): Promise<void> {
    for (let marked = ROWS_AT_ONCE; marked === ROWS_AT_ONCE;) {
      marked = await this.database.tx(async (sql) => {
        await lockStructure(sql, account);
        return askToEraseOldest(sql, account, days, ROWS_AT_ONCE);
      });
    }
  }

  async #goOn(account: string | null, forMs: number): Promise<void> {
    const deadline = performance.now() + forMs;
    for (;;) {
      const asked = await erasuresAsked(this.database, account, ROWS_AT_ONCE);
      for (const erasure of asked) {
        if (erasure.kind === 'file') await this.#eraseFile(erasure);
        else await this.#eraseTree(erasure, deadline);
        if (performance.now() > deadline) return;
      }
      if (asked.length < ROWS_AT_ONCE) return;
    }
  }

  async #eraseFile({ account, node: file }: Erasure): Promise<void> {
    await this.#eraseOldVersions(account, { file });
    await this.#erasing(account, (sql) => eraseFiles(sql, account, [file]));
  }

  /** Down to a folder that holds no other, and up again as each is empty. The way down is all that is held in memory. */
  async #eraseTree({ account, node: root }: Erasure, deadline: number): Promise<void> {
    const way = [root];
    while (performance.now() <= deadline) {
      const folder = way.at(-1) as string;
      await this.#emptyOfFiles(account, folder);
      while ((await eraseEmptyFolders(this.database, account, folder, ROWS_AT_ONCE)) === ROWS_AT_ONCE);
      const next = await anyFolderIn(this.database, account, folder);
      if (next !== undefined) way.push(next);
      else if (way.length > 1) way.pop();
      else return eraseFolder(this.database, account, root);
    }
  }

  async #emptyOfFiles(account: string, folder: string): Promise<void> {
    while ((await setFreeTrashIn(this.database, account, folder, ROWS_AT_ONCE)) === ROWS_AT_ONCE);
    await this.#eraseOldVersions(account, { folder });
    for (;;) {
      const files = await filesIn(this.database, account, folder, ROWS_AT_ONCE);
      if (files.length === 0) return;
      let chunks = 0;
      const some = files.filter((file, nth) => (chunks += file.chunks) <= CHUNKS_AT_ONCE || nth === 0);
      const ids = some.map(({ id }) => id);
      await this.#erasing(account, (sql) => eraseFiles(sql, account, ids));
    }
  }

  async #eraseOldVersions(account: string, place: { folder: string } | { file: string }): Promise<void> {
    for (;;) {
      const old = await oldVersionsIn(this.database, account, place, ROWS_AT_ONCE);
      if (old.length === 0) return;
      await this.#erasing(account, async (sql) =>
        eraseUnheld(sql, account, await deleteOldVersions(sql, account, old)),
      );
    }
  }

  #erasing(account: string, work: Parameters<Database['tx']>[0]): Promise<unknown> {
    return this.database.tx(async (sql) => {
      await beginErasing(sql, account);
      return work(sql);
    });
  }
}
