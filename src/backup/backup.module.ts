import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { ConnectionsModule } from '../connections/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { JobsModule } from '../jobs/index.js';
import { KeysModule } from '../keys/index.js';
import { BackupJob } from './backup-job.js';
import { BackupsController } from './backups.controller.js';
import { NightlyBackup } from './nightly-backup.js';

/**
 * Keeping the gateway itself: sealed copies of its database, made nightly and by hand, proved, and gone after a time; and
 * one of them brought back into an empty database. Knows how rows become a file and a file rows; does not know what any row
 * means, but for what was only true while the old gateway ran. Blobs are none of its business: they lie on connections.
 */
@Module({
  imports: [AuditModule, ConnectionsModule, GatewaysModule, JobsModule, KeysModule],
  controllers: [BackupsController],
  providers: [BackupJob, NightlyBackup],
  exports: [NightlyBackup],
})
export class BackupModule {}
