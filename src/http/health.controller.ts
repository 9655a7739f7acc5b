import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Alive, Ready } from '#contracts';
import { Access, Describe } from '../access/index.js';
import { Metrics, Readiness } from '../health/index.js';
import { NotReady } from './not-ready.js';

@Controller('api')
export class HealthController {
  constructor(
    private readonly readiness: Readiness,
    private readonly metrics: Metrics,
  ) {}

  @Get('health/live')
  @Access('public')
  @Describe({ summary: 'Whether the gateway runs.', answers: { 200: Alive } })
  live(): Alive {
    return { status: 'alive' };
  }

  @Get('health/ready')
  @Access('public')
  @Describe({ summary: 'Whether it can serve; if not, why.', answers: { 200: Ready }, problems: ['unavailable'] })
  async ready(): Promise<Ready> {
    const { ready, checks } = await this.readiness.look();
    if (!ready) throw new NotReady(checks);
    return { status: 'ready', checks: checks as Ready['checks'] };
  }

  @Get('metrics')
  @Access('scrape')
  @Describe({ summary: 'What the gateway counts, for Prometheus.', answers: { 200: { media: 'text/plain' } } })
  async scrape(@Res() response: Response): Promise<void> {
    const text = await this.metrics.print();
    response.setHeader('Content-Type', this.metrics.contentType);
    response.end(text);
  }
}
