import { Injectable } from '@nestjs/common';
import type { Placement, ShardState } from '#contracts';
import { type PlacedShard, survives } from '#dispersal';
import { domainsOf } from '../connections/index.js';
import { placementRows, publishedContent } from '../contents/index.js';
import { Database } from '../database/index.js';
import { NotFound, Tree, type Names } from '../files/index.js';

/** Where the newest version of a file lies, and how many losses it survives as things are now. */
@Injectable()
export class ShowPlacement {
  constructor(
    private readonly database: Database,
    private readonly tree: Tree,
  ) {}

  async run(account: string, names: Names): Promise<Placement> {
    const { version } = await this.tree.file(account, names);
    const content = await publishedContent(this.database, account, version.content);
    if (!content) throw new NotFound('The content of this file was erased.');
    const rows = await placementRows(this.database, account, version.content);
    const domains = await domainsOf(this.database, [...new Set(rows.map(({ connection }) => connection))]);
    const chunks: Placement['chunks'] = [];
    const placed: PlacedShard[][] = [];
    for (const { index, length, shard, connection, state } of rows) {
      if (chunks.at(-1)?.index !== index) {
        chunks.push({ index, length, shards: [] });
        placed.push([]);
      }
      chunks.at(-1)?.shards.push({ index: shard, connection, state: shardState(state) });
      placed.at(-1)?.push({
        shard,
        domain: domains.get(connection) ?? connection,
        there: state === 'live' || state === 'spooled',
      });
    }
    const spread = { data: content.data, parity: content.parity };
    const { losses, words } = survives(spread, placed);
    return { spread, survives: Math.max(0, losses), words, chunks };
  }
}

function shardState(blob: string): ShardState {
  return blob === 'live' || blob === 'damaged' || blob === 'spooled' ? blob : 'missing';
}
