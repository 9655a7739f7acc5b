import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { isSecure, RouteTable } from '../access/index.js';
import { Config } from '../config/index.js';
import { HttpMetrics } from './http-metrics.js';

const YEAR_SECONDS = 31_536_000;

/** What holds for every request and every answer: an id, headers that give browsers no ideas, a clock. */
@Injectable()
export class Edge {
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    config: Config,
    private readonly table: RouteTable,
    private readonly metrics: HttpMetrics,
  ) {
    this.#headers = {
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cache-Control': 'no-store',
      ...(isSecure(config.publicUrl) && { 'Strict-Transport-Security': `max-age=${YEAR_SECONDS}` }),
    };
  }

  /** Stands before everything else that Express calls. */
  use(request: Request, response: Response, next: NextFunction): void {
    request.requestId = randomBytes(9).toString('base64url');
    response.setHeader('X-Request-Id', request.requestId);
    for (const [name, value] of Object.entries(this.#headers)) response.setHeader(name, value);
    this.metrics.watch(request, response);
    if (request.expectsContinue === true) noteContinue(request, response);
    if (request.method !== 'OPTIONS' || !this.#answerOptions(request, response)) next();
  }

  /** No other site is ever given leave; this only tells which methods there are. */
  #answerOptions(request: Request, response: Response): boolean {
    const methods = this.table.methodsFor(request.path);
    if (methods.length === 0 || methods.includes('ALL') || methods.includes('OPTIONS')) return false;
    response.status(204).setHeader('Allow', [...methods, 'OPTIONS'].join(', '));
    response.end();
    return true;
  }
}

/** Once it was told to go on, the client waits no longer. */
function noteContinue(request: Request, response: Response): void {
  const goOn = response.writeContinue.bind(response);
  response.writeContinue = (callback) => {
    request.expectsContinue = false;
    goOn(callback);
  };
}
