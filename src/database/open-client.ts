import pg, { type PoolConfig } from 'pg';
import { rowTypes } from './row-types.js';

/** A connection of its own, for work that no pool should wait for. Whoever opens it ends it. */
export async function openClient(connection: PoolConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: 'tessera', types: rowTypes });
  // A connection that is lost between two statements tells so at the next one.
  client.on('error', () => {});
  await client.connect();
  return client;
}
