import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuditRecord } from '../audit/index.js';
import { Config } from '../config/index.js';
import { DeletionHold } from '../connections/index.js';
import { Database } from '../database/index.js';
import { JobKinds, type JobRun } from '../jobs/index.js';
import { RootKeyring } from '../keys/index.js';
import { forgetExpired, noteBackup, noteExpired } from './backups.store.js';
import { expireBackups } from './expire-backups.js';
import { makeBackup } from './make-backup.js';

export const BACKUP_JOB = 'backup';
/** With pauses of up to an hour: until about the next night, which asks for another one. */
const ATTEMPTS = 24;

/** Makes a backup, proves it, notes it, and only then lets old ones go. Wherever it is killed, the next attempt begins anew. */
@Injectable()
export class BackupJob implements OnModuleInit {
  private readonly log = new Logger('backup');

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly roots: RootKeyring,
    private readonly audit: AuditRecord,
    private readonly hold: DeletionHold,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: BACKUP_JOB,
      attempts: ATTEMPTS,
      cancellable: true,
      longestPauseSeconds: 3600,
      run: (job) => this.run(job),
    });
  }

  private async run(job: JobRun): Promise<void> {
    const { folder, days } = this.config.backups;
    const made = await makeBackup({
      connection: this.database.connection,
      root: { epoch: this.roots.currentEpoch, keys: this.roots.current },
      into: { folder },
      signal: job.signal,
      progress: (done, total) => job.progress({ done, total, note: 'Rows of the database.' }),
    });
    await this.database.tx(async (sql) => {
      await noteBackup(sql, made);
      await this.audit.append(sql, {
        action: 'backup.made',
        subject: made.id,
        details: { bytes: made.bytes, rows: made.rows, digest: made.digest },
      });
    });
    const expired = (await this.hold.stands()) ? [] : await expireBackups(folder, days, made);
    await noteExpired(this.database, expired);
    await forgetExpired(this.database);
    this.log.log(`A backup was made and proved: ${made.path}, ${made.bytes} bytes. ${expired.length} old ones went.`);
  }
}
