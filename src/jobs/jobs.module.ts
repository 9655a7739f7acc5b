import { Module } from '@nestjs/common';
import { Config } from '../config/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { JobKinds } from './job-kinds.js';
import { Jobs } from './jobs.js';
import { RunJobs } from './run-jobs.js';
import { Worker } from './worker.js';

/**
 * Durable work: what takes longer than a request, and must be done although gateways stop, crash or change. Knows which
 * jobs there are, who has one in hand, how far it is and when it is tried again. Does not know what any of them does: later
 * rooms register a kind with its handler, and ask for a job inside their own transaction.
 */
@Module({
  imports: [GatewaysModule],
  providers: [
    {
      provide: JobKinds,
      inject: [Config],
      useFactory: ({ workerSocket, isWorker }: Config) =>
        new JobKinds(workerSocket === null ? 'all' : isWorker ? 'keyless' : 'keyed'),
    },
    Jobs,
    RunJobs,
    Worker,
  ],
  exports: [JobKinds, Jobs, RunJobs, Worker],
})
export class JobsModule {}
