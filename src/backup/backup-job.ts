import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuditRecord } from '../audit/index.js';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { JobKinds, type JobRun } from '../jobs/index.js';
import { RootKeyring } from '../keys/index.js';
import { AfterBackup } from './after-backup.js';
import { noteBackup } from './backups.store.js';
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
    private readonly after: AfterBackup,
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
    const { folder } = this.config.backups;
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
    const expired = await this.after.run(made);
    this.log.log(`A backup was made and proved: ${made.path}, ${made.bytes} bytes. ${expired} old ones went.`);
  }
}
