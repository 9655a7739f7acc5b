import { Injectable } from '@nestjs/common';
import { GivingUp } from '../connections/index.js';
import { Database } from '../database/index.js';
import { Jobs } from '../jobs/index.js';
import { CountWeakChunks } from './durability/index.js';
import { anythingLost, REPAIR } from './moving/index.js';

/** Where much is lost that nobody can make anew, a look takes its time: one that took so long … */
const SLOW_MS = 500;
/** … is taken for no more than this part of the time. */
const LOOK_SHARE = 1 / 50;

/** Looks which places are lost for good, and asks for a repair where shards do not stand. The rows say what; one job does it. */
@Injectable()
export class UpkeepOfShards {
  private notBefore = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly givingUp: GivingUp,
    private readonly weak: CountWeakChunks,
    private readonly jobs: Jobs,
  ) {}

  async run(): Promise<void> {
    await this.givingUp.run();
    await this.weak.run();
    if (performance.now() < this.notBefore || !(await this.look())) return;
    await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: REPAIR, account: null, ids: {} }));
  }

  private async look(): Promise<boolean> {
    const began = performance.now();
    const found = await anythingLost(this.database);
    const now = performance.now();
    if (now - began > SLOW_MS) this.notBefore = now + (now - began) / LOOK_SHARE;
    return found;
  }
}
