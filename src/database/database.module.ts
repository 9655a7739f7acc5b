import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database } from './database.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import { openDatabase } from './open-database.js';

/** The embedded Postgres, or null where DATABASE_URL leads to another. */
const EMBEDDED = Symbol('embedded Postgres');

/**
 * The database. Knows how to reach Postgres (one of its own beside the gateway, or the operator's), brings its tables up
 * to date, and runs transactions: with a bounded pool, a bounded wait, and an honest word about what was applied when the
 * connection is lost. Does not know what any table means: statements live in the stores of the rooms below.
 */
@Global()
@Module({
  providers: [
    {
      provide: EMBEDDED,
      inject: [Config],
      useFactory: (config: Config) => (config.databaseUrl === null ? EmbeddedPostgres.start(config.dataFolder) : null),
    },
    {
      provide: Database,
      inject: [Config, EMBEDDED],
      useFactory: async (config: Config, embedded: EmbeddedPostgres | null) => {
        const connection = embedded?.connection ?? { connectionString: config.databaseUrl!.reveal() };
        try {
          return await openDatabase(connection, {
            connections: config.databaseConnections,
            waitSeconds: config.databaseWaitSeconds,
          });
        } catch (error) {
          await embedded?.stop();
          throw error;
        }
      },
    },
  ],
  exports: [Database],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    private readonly database: Database,
    @Inject(EMBEDDED) private readonly embedded: EmbeddedPostgres | null,
  ) {}

  /** The last of the rooms to go: the others may still write while they stop. */
  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
    await this.embedded?.stop();
  }
}
