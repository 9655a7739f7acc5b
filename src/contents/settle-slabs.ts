import type { Database } from '../database/index.js';
import { lockUsage, settleSlab, slabsOfGateway } from './quota.store.js';

/** Settles every slab of a gateway that is dead: what was published counts, what was promised is free again. */
export async function settleSlabsOf(database: Database, gateway: string): Promise<void> {
  for (const { account, id } of await slabsOfGateway(database, gateway)) {
    await database.tx(async (sql) => {
      await lockUsage(sql, account);
      await settleSlab(sql, account, id);
    });
  }
}
