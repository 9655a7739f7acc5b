import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { ConnectionsModule } from '../connections/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { JobsModule } from '../jobs/index.js';
import { KeysModule } from '../keys/index.js';
import { AfterBackup } from './after-backup.js';
import { BackupJob } from './backup-job.js';
import { CopyJob } from './copy-job.js';
import { KeepCopies } from './keep-copies.js';
import { PutBackup } from './put-backup.js';
import { BackupsController } from './backups.controller.js';
import { NightlyBackup } from './nightly-backup.js';

/**
 * Keeping the gateway itself: sealed copies of its database, made nightly and by hand, proved, and gone after a time; and
 * one of them brought back into an empty database. Knows how rows become a file and a file rows; does not know what any row
 * means, but for what was only true while the old gateway ran. On connections a backup is blobs like any others: what holds
 * for all of them is done by the rooms above.
 */
@Module({
  imports: [AuditModule, ConnectionsModule, GatewaysModule, JobsModule, KeysModule],
  controllers: [BackupsController],
  providers: [AfterBackup, BackupJob, CopyJob, KeepCopies, NightlyBackup, PutBackup],
  exports: [NightlyBackup],
})
export class BackupModule {}
