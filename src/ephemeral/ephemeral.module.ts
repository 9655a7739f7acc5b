import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { connectRedis } from './connect-redis.js';
import { Ephemeral } from './ephemeral.js';
import { nextFencingToken, PostgresEphemeral } from './ephemeral.store.js';
import { RedisEphemeral } from './redis-ephemeral.js';
import { Sweeper } from './sweeper.js';

const REDIS = Symbol('Redis');

/**
 * Short-lived shared state: one-time values, windows of counts, locks with fencing tokens, turns. Knows where it is kept (Redis
 * where there is one, else the database) and that it may vanish. Does not know what it is for, and holds nothing whose
 * loss would lose data.
 */
@Global()
@Module({
  providers: [
    {
      provide: REDIS,
      inject: [Config],
      useFactory: (config: Config) => (config.redisUrl === null ? null : connectRedis(config.redisUrl.reveal())),
    },
    {
      provide: Ephemeral,
      inject: [Database, REDIS],
      useFactory: (database: Database, redis: Redis | null) =>
        redis === null ? new PostgresEphemeral(database) : new RedisEphemeral(redis, () => nextFencingToken(database)),
    },
    Sweeper,
  ],
  exports: [Ephemeral],
})
export class EphemeralModule implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: Redis | null) {}

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }
}
