import { readConfig } from '../config/index.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import { revertLast } from './migrations.js';
import { connect } from './open-database.js';

/** `npm run migration:revert`: takes the last migration back, with the gateway stopped. */
async function main(): Promise<void> {
  const config = readConfig();
  const embedded = config.databaseUrl === null ? await EmbeddedPostgres.start(config.dataFolder) : null;
  try {
    const connection = embedded?.connection ?? { connectionString: config.databaseUrl!.reveal() };
    const dataSource = await connect(connection, { connections: 2, waitSeconds: 10 });
    await revertLast(dataSource, connection);
    await dataSource.destroy();
  } finally {
    await embedded?.stop();
  }
}

await main();
