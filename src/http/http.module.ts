import { Module } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import type { Express } from 'express';
import { AccessModule } from '../access/index.js';
import { AccountsModule } from '../accounts/index.js';
import { AuditModule } from '../audit/index.js';
import { HealthModule } from '../health/index.js';
import { JobsModule } from '../jobs/index.js';
import { Edge } from './edge.js';
import { HealthController } from './health.controller.js';
import { HttpMetrics } from './http-metrics.js';
import { JobsController } from './jobs/jobs.controller.js';
import { PagesController } from './pages/pages.controller.js';
import { AppPasswordsController } from './people/app-passwords.controller.js';
import { RecordController } from './people/record.controller.js';
import { SetUpController } from './people/set-up.controller.js';
import { SignInController } from './people/sign-in.controller.js';
import { UsersController } from './people/users.controller.js';
import { ProblemFilter } from './problem.filter.js';
import { ReadinessChecks } from './readiness-checks.js';

/**
 * The common edge. Knows what holds for every request and answer: headers, ids, metrics, and the one table that turns what
 * went wrong into a problem; and it shows what the rooms above `access` have to show, since those may not know who calls.
 * Does not know files or clouds: their own rooms speak for them.
 */
@Module({
  imports: [AccessModule, AccountsModule, AuditModule, HealthModule, JobsModule],
  controllers: [
    SignInController,
    AppPasswordsController,
    SetUpController,
    UsersController,
    RecordController,
    JobsController,
    HealthController,
    PagesController,
  ],
  providers: [Edge, HttpMetrics, ProblemFilter, ReadinessChecks, { provide: APP_FILTER, useExisting: ProblemFilter }],
  exports: [ProblemFilter],
})
export class HttpModule {
  /** Before the first route: what the edge does holds for addresses, too, that cannot even be decoded. */
  constructor(adapter: HttpAdapterHost, edge: Edge) {
    const express = adapter.httpAdapter.getInstance<Express>();
    // `/API/tree` is no address of ours. Nest has used the router already, so that Express' setting would come too late.
    Object.assign(express.router, { caseSensitive: true });
    express.disable('x-powered-by');
    // Entity tags are the business of whoever knows a version; a query is names and texts, nothing nested.
    express.disable('etag');
    express.set('query parser', 'simple');
    express.use((request, response, next) => edge.use(request, response, next));
  }
}
