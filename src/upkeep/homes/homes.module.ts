import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/index.js';
import { ConnectionsModule } from '../../connections/index.js';
import { JobsModule } from '../../jobs/index.js';
import { MovingModule } from '../moving/index.js';
import { DrainController } from './drain.controller.js';
import { DrainJob } from './drain-job.js';
import { Drain } from './drain.js';
import { Homecoming } from './homecoming.js';
import { MoveMany } from './move-many.js';
import { Rebalance } from './rebalance.js';
import { UpkeepOfHomes } from './upkeep-of-homes.js';

/**
 * Where shards should lie, when that is not where they do: off a connection that is emptied, out of the spool, from full
 * connections to those that are not. Knows which shards should
 * move, and why; how one moves, it leaves to its neighbour. Asks for no key.
 */
@Module({
  imports: [AuditModule, ConnectionsModule, JobsModule, MovingModule],
  controllers: [DrainController],
  providers: [Drain, DrainJob, Homecoming, MoveMany, Rebalance, UpkeepOfHomes],
  exports: [MoveMany],
})
export class HomesModule {}
