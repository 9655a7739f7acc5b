import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../database/index.js';
import { sweepLapsedMoves } from './moves.store.js';

const AT_ONCE = 500;

/** Takes back moves whose worker died, or was paused for too long: what they may have left is condemned, and deleted later. */
@Injectable()
export class LapsedMoves {
  private readonly log = new Logger('upkeep');

  constructor(private readonly database: Database) {}

  async sweep(): Promise<number> {
    let total = 0;
    for (let swept = AT_ONCE; swept === AT_ONCE; total += swept) {
      swept = await this.database.tx((sql) => sweepLapsedMoves(sql, AT_ONCE));
    }
    if (total > 0) this.log.warn(`${total} moves of shards were left unfinished and are taken back.`);
    return total;
  }
}
