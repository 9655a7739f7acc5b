import { stat } from 'node:fs/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { inSecondLine } from '#storage';
import { Database } from '../database/index.js';
import { JobKinds, type JobRun, NotYet } from '../jobs/index.js';
import { type BackupToCopy, backupsToCopy, keepingConnections } from './copies.store.js';
import { ConnectionUnfit } from './errors.js';
import { PutBackup } from './put-backup.js';

export const COPY_JOB = 'backup-copy';
/** A file that is not on this machine is on another gateway's, which takes the job soon. */
const ELSEWHERE_SECONDS = 30;
const LOOKED_AT = 20;

/**
 * Brings the newest backup to one connection, whichever that is by now. One job for each connection, beside the one that
 * makes backups: so none waits for another, and one that cannot be reached shows in its own job.
 */
@Injectable()
export class CopyJob implements OnModuleInit {
  private readonly log = new Logger('backup');

  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly puts: PutBackup,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: COPY_JOB,
      attempts: null,
      cancellable: false,
      longestPauseSeconds: 3600,
      run: (job) => inSecondLine(() => this.run(job)),
    });
  }

  private async run(job: JobRun): Promise<void> {
    const [connection] = await keepingConnections(this.database, job.ids['connection']);
    if (!connection) return job.progress({ note: 'This connection keeps no new backups.' });
    if (connection.alarm !== null) throw new ConnectionUnfit('An alarm stands there.');
    if (connection.needs_reconnect_at !== null) throw new ConnectionUnfit('It has to be connected anew.');
    const newer = await backupsToCopy(this.database, connection.id, LOOKED_AT);
    if (newer.length === 0) return job.progress({ note: 'The newest backup lies there.' });
    const backup = await firstHere(newer);
    if (!backup) {
      const note = 'The file of the newest backup is not on this machine.';
      await job.progress({ note });
      throw new NotYet(note, ELSEWHERE_SECONDS);
    }
    await this.puts.run(job, connection.id, backup);
    this.log.log(`The backup ${backup.file} lies on connection ${connection.id}, too, and was read back from there.`);
  }
}

async function firstHere(backups: readonly BackupToCopy[]): Promise<BackupToCopy | undefined> {
  for (const backup of backups) {
    const found = await stat(backup.file).catch(() => null);
    if (found?.size === backup.bytes) return backup;
  }
  return undefined;
}
