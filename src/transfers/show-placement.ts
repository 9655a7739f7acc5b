import { Injectable } from '@nestjs/common';
import type { Placement, ShardState } from '#contracts';
import { type PlacedShard, type ShardCounts, type Survival, survives } from '#dispersal';
import { namedPlaces } from '../connections/index.js';
import { placementRows, publishedContent } from '../contents/index.js';
import { Database } from '../database/index.js';
import { NotFound, Tree, type Names } from '../files/index.js';
import { whyThere } from './why-there.js';

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
    const ids = new Set(rows.flatMap(({ connection, home }) => (home === null ? [connection] : [connection, home])));
    const places = await namedPlaces(this.database, [...ids]);
    const chunks: Placement['chunks'] = [];
    const placed: Placed[] = [];
    for (const row of rows) {
      const { index, length, data, parity, shard, connection, home, state } = row;
      if (chunks.at(-1)?.index !== index) {
        chunks.push({ index, length, shards: [] });
        placed.push({ data, parity, shards: [] });
      }
      const place = places.get(connection);
      const why = whyThere(row, place, home === null ? undefined : places.get(home), version.version_created_at);
      chunks.at(-1)?.shards.push({ index: shard, connection, state: shardState(state), why });
      const there = (state === 'live' || state === 'spooled') && place?.given_up === false;
      placed.at(-1)?.shards.push({ shard, domain: place?.domain ?? connection, there });
    }
    const spread = { data: content.data, parity: content.parity };
    const { losses, words } = worst(spread, placed);
    const left = placed.map((chunk) => ({ parity: chunk.parity, losses: survives(chunk, [chunk.shards]).losses }));
    return {
      spread,
      survives: Math.max(0, losses),
      readable: losses >= 0,
      words,
      weakened: left.filter((chunk) => chunk.losses < chunk.parity).length,
      unreadable: left.filter((chunk) => chunk.losses < 0).length,
      chunks,
    };
  }
}

interface Placed extends ShardCounts {
  readonly shards: PlacedShard[];
}

/** While a content is spread anew, some of its chunks follow the old spread and some the new one. */
function worst(spread: ShardCounts, chunks: readonly Placed[]): Survival {
  const groups = Map.groupBy(chunks, ({ data, parity }) => `${data}+${parity}`);
  const all = [...groups.values()].map((group) =>
    survives(
      group[0] as Placed,
      group.map(({ shards }) => shards),
    ),
  );
  return all.sort((a, b) => a.losses - b.losses)[0] ?? survives(spread, []);
}

function shardState(blob: string): ShardState {
  return blob === 'live' || blob === 'damaged' || blob === 'spooled' ? blob : 'missing';
}
