import { Injectable } from '@nestjs/common';
import { GivingUp } from '../connections/index.js';
import { Database } from '../database/index.js';
import { Jobs } from '../jobs/index.js';
import { anythingLost, REPAIR } from './moving/index.js';

/** Looks which places are lost for good, and asks for a repair where shards do not stand. The rows say what; one job does it. */
@Injectable()
export class UpkeepOfShards {
  constructor(
    private readonly database: Database,
    private readonly givingUp: GivingUp,
    private readonly jobs: Jobs,
  ) {}

  async run(): Promise<void> {
    await this.givingUp.run();
    if (!(await anythingLost(this.database))) return;
    await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: REPAIR, account: null, ids: {} }));
  }
}
