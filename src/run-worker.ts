import './process-settings.js';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Fault } from '#contracts';
import { readWorkerConfig } from './config/index.js';
import { GatewayLogger } from './gateway-logger.js';
import { JobKinds } from './jobs/index.js';
import { WorkerModule } from './worker.module.js';

/** `npm run worker`: upkeep in a process that has no root key. It asks a gateway for opened connections. */
async function main(): Promise<void> {
  const config = readWorkerConfig();
  const app = await NestFactory.createApplicationContext(WorkerModule.with(config), {
    abortOnError: false,
    logger: new GatewayLogger(config.logLevel),
  });
  let stopping: Promise<void> | null = null;
  const stop = (): void => {
    stopping ??= app.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  console.log(`The worker is ready: ${app.get(JobKinds, { strict: false }).here.sort().join(', ')}.`);
}

function fail(error: unknown): never {
  // A fault is meant to be read; anything else is a defect, and its stack helps to find it.
  console.error(error instanceof Fault ? error.message : error);
  process.exit(1);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);
