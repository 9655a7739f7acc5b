import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Fault } from '#contracts';
import { AppModule } from './app.module.js';
import type { Config } from './config/index.js';
import { GatewayLogger } from './gateway-logger.js';
import { GatewayAdapter, WaitingLine } from './http/index.js';

/** Connections that may wait for the next accept. The kernel has its own bound below it. */
const BACKLOG = 4096;
const HEADERS_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 10_000;

class CannotListen extends Fault {
  constructor({ port, host }: Config, cause: unknown) {
    const { code } = cause as NodeJS.ErrnoException;
    super(
      code === 'EADDRINUSE' ? `PORT ${port} is taken on ${host}.` : `HOST ${host} cannot be listened on (${code}).`,
      { cause },
    );
  }
}

export interface Gateway {
  readonly app: NestExpressApplication;
  readonly port: number;
  stop(): Promise<void>;
}

/** Builds every room, brings the database up to date, and listens. */
export async function startGateway(config: Config): Promise<Gateway> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(config), new GatewayAdapter(), {
    bodyParser: false,
    abortOnError: false,
    logger: new GatewayLogger(config.logLevel),
  });
  try {
    app.set('trust proxy', config.trustProxy === 0 ? false : config.trustProxy);
    app.disable('x-powered-by');
    await app.init();
    const server = app.getHttpServer() as Server;
    const line = new WaitingLine(server, config.maxConnections);
    answerContinueLate(server);
    await listen(server, config);
    const end = (): Promise<void> => {
      line.close();
      return stop(app, server, config.stopSeconds);
    };
    return { app, port: (server.address() as AddressInfo).port, stop: end };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** A client that waits for «100 Continue» hears it from whoever reads the body, when nothing speaks against it any more. */
function answerContinueLate(server: Server): void {
  server.on('checkContinue', (request, response) => {
    Object.assign(request, { expectsContinue: true });
    server.emit('request', request, response);
  });
}

async function listen(server: Server, config: Config): Promise<void> {
  // An honest upload takes hours: only its headers have to come soon. A stalled body is ended by whoever reads it.
  server.requestTimeout = 0;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.listen({ port: config.port, host: config.host, backlog: BACKLOG });
  await once(server, 'listening').catch((error: unknown) => {
    throw new CannotListen(config, error);
  });
}

/**
 * In this order: rooms hear onModuleDestroy (readiness turns false, workers take no new job), the server accepts no more
 * and the requests in flight end by themselves or, after a while, are cut; then rooms hear onApplicationShutdown, the
 * database last. What a request in flight needs may therefore go in onApplicationShutdown only.
 */
async function stop(app: NestExpressApplication, server: Server, patienceSeconds: number): Promise<void> {
  const impatience = setTimeout(() => {
    new Logger('Gateway').warn('Requests are still in flight; they are cut.');
    server.closeAllConnections();
  }, patienceSeconds * 1000);
  // A connection whose request has ended would be kept for the next one, which may not come any more.
  const tidying = setInterval(() => server.closeIdleConnections(), 50);
  try {
    await app.close();
  } finally {
    clearTimeout(impatience);
    clearInterval(tidying);
  }
}
