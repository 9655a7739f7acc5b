import { Global, Module } from '@nestjs/common';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';

/**
 * How this gateway is: whether it can serve, and what it has counted. Knows the names of checks and of metrics. Does not
 * know what they mean, nor who may ask: rooms add theirs, the edge shows them.
 */
@Global()
@Module({ providers: [Readiness, Metrics], exports: [Readiness, Metrics] })
export class HealthModule {}
