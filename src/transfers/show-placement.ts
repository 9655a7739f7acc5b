import { Injectable } from '@nestjs/common';
import type { Placement, ShardState } from '#contracts';
import { NotFound, Tree, type Names } from '../files/index.js';
import { placementRows, publishedContent } from '../contents/index.js';
import { Database } from '../database/index.js';

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
    const chunks: Placement['chunks'] = [];
    for (const { index, length, shard, connection, state } of rows) {
      if (chunks.at(-1)?.index !== index) chunks.push({ index, length, shards: [] });
      chunks.at(-1)?.shards.push({ index: shard, connection, state: shardState(state) });
    }
    const spread = { data: content.data, parity: content.parity };
    const live = chunks.map((chunk) => chunk.shards.filter((shard) => shard.state === 'live').length);
    const survives = Math.max(0, Math.min(spread.parity, ...live.map((count) => count - spread.data)));
    return { spread, survives, chunks };
  }
}

function shardState(blob: string): ShardState {
  return blob === 'live' ? 'live' : 'missing';
}
