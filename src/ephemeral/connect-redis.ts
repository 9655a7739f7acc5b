import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { Fault } from '#contracts';

/** Stops the start. */
class RedisUnusable extends Fault {}

const LONGEST_RECONNECT_DELAY_MS = 2000;
const ANSWER_PATIENCE_MS = 2000;

/** Connects to the Redis of REDIS_URL. Later, while it is away, every command fails at once instead of waiting in line. */
export async function connectRedis(url: string, patienceMs = 10_000): Promise<Redis> {
  const options: RedisOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: ANSWER_PATIENCE_MS,
    connectTimeout: 5000,
    retryStrategy: (attempt) => Math.min(attempt * 50, LONGEST_RECONNECT_DELAY_MS),
  };
  const path = url.startsWith('unix:') ? decodeURIComponent(new URL(url).pathname) : null;
  const redis = path === null ? new Redis(url, options) : new Redis(path, options);
  redis.on('error', () => {});
  await redis.connect().catch(() => {});
  await untilItAnswers(redis, patienceMs);
  logLosses(redis);
  return redis;
}

async function untilItAnswers(redis: Redis, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return void (await redis.ping());
    } catch (error) {
      if (performance.now() > deadline || /NOAUTH|WRONGPASS/.test((error as Error).message)) {
        redis.disconnect();
        throw new RedisUnusable('REDIS_URL leads to no Redis that answers us.', { cause: error });
      }
      await pause(100);
    }
  }
}

/** One line for each loss, not one for each attempt to come back. */
function logLosses(redis: Redis): void {
  const log = new Logger('Ephemeral');
  let lost = false;
  redis.on('error', (error: NodeJS.ErrnoException) => {
    if (!lost) log.warn(`Redis is away (${error.code ?? 'no answer'}).`);
    lost = true;
  });
  redis.on('ready', () => {
    if (lost) log.log('Redis is back.');
    lost = false;
  });
}
