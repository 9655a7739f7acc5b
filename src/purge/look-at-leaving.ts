import { Injectable } from '@nestjs/common';
import type { Leaving } from '#contracts';
import { type ConnectionRow, LetGo } from '../connections/index.js';
import { leavingFiles, leavingOf } from '../contents/index.js';
import { Database, type Sql } from '../database/index.js';
import { placesOf } from '../files/index.js';

const MOST_EXAMPLES = 10;

/** What would become of what lies on a connection. Of the house's, everybody's is counted and nobody's is named. */
@Injectable()
export class LookAtLeaving {
  constructor(
    private readonly database: Database,
    private readonly letGo: LetGo,
  ) {}

  async run(row: ConnectionRow, sql: Sql = this.database): Promise<Leaving> {
    const found = await leavingOf(sql, row.id);
    return {
      empty: found.blobs === 0,
      unreadable: { files: found.unreadableFiles, bytes: found.unreadableBytes },
      degraded: { files: found.degradedFiles, bytes: found.degradedBytes },
      blobs: found.blobs,
      blobBytes: found.blobBytes,
      accounts: found.accounts,
      chosen: await this.letGo.isChosen(sql, row),
      examples: row.account === null ? [] : await this.examples(sql, row.id, row.account),
    };
  }

  private async examples(sql: Sql, connection: string, account: string): Promise<Leaving['examples']> {
    const files = await leavingFiles(sql, connection, account, MOST_EXAMPLES);
    const places = await placesOf(
      sql,
      account,
      files.map(({ file }) => file),
    );
    return files.flatMap(({ file, unreadable }) => {
      const place = places.get(file);
      return place ? [{ ...place, unreadable }] : [];
    });
  }
}
