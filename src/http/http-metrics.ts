import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Gauge, Histogram } from 'prom-client';
import { Metrics } from '../health/index.js';

/** How long requests take, by the route's pattern: an address itself would tell names, and never end. */
@Injectable()
export class HttpMetrics {
  readonly #durations: Histogram<'method' | 'route' | 'status'>;
  readonly #inFlight: Gauge;

  constructor(metrics: Metrics) {
    this.#durations = metrics.histogram({
      name: 'tessera_http_request_duration_seconds',
      help: 'From the first byte of a request to the last of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600, 3600],
    });
    this.#inFlight = metrics.gauge({ name: 'tessera_http_requests_in_flight', help: 'Requests not yet answered.' });
  }

  watch(request: Request, response: Response): void {
    const began = performance.now();
    this.#inFlight.inc();
    response.once('close', () => {
      this.#inFlight.dec();
      const route = (request.route as { path?: string } | undefined)?.path ?? 'none';
      const status = response.writableFinished ? String(response.statusCode) : 'broken';
      this.#durations.observe({ method: request.method, route, status }, (performance.now() - began) / 1000);
    });
  }
}
