import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { type Backup, BackupList, JobAccepted } from '#contracts';
import { Access, ADMINS, Describe } from '../access/index.js';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { Jobs } from '../jobs/index.js';
import { BACKUP_JOB } from './backup-job.js';
import { latestBackups } from './backups.store.js';
import { copiesOf, type CopyRow, keepingConnections } from './copies.store.js';

const SHOWN = 100;

/** Backups of the gateway's own database. What they hold is never handed out here: they are files on its machine. */
@Controller('api/admin/backups')
export class BackupsController {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly jobs: Jobs,
  ) {}

  @Get()
  @Access(ADMINS)
  @Describe({
    summary: 'The latest backups of the gateway’s database, the newest first.',
    answers: { 200: BackupList },
  })
  async list(): Promise<BackupList> {
    const rows = await latestBackups(this.database, SHOWN);
    const copies = await copiesOf(
      this.database,
      rows.map(({ id }) => id),
    );
    const { hour, days } = this.config.backups;
    const connections = await keepingConnections(this.database);
    return {
      nightlyAt: hour,
      keptDays: days,
      connections: connections.map(({ id, provider, label, newest_made_at: at, error }) => ({
        id,
        provider,
        label,
        newestMadeAt: at?.toISOString() ?? null,
        error,
      })),
      items: rows.map(({ id, file, bytes, rows: count, ...at }) => ({
        id,
        file,
        bytes,
        rows: count,
        madeAt: at.made_at.toISOString(),
        provedAt: at.proved_at.toISOString(),
        expiredAt: at.expired_at?.toISOString() ?? null,
        copies: copies.filter(({ backup }) => backup === id).map(asCopy),
      })),
    };
  }

  @Post()
  @HttpCode(202)
  @Access(ADMINS)
  @Describe({
    summary:
      'Makes a backup now, as a job: sealed, proved readable, in the folder that the operator named. Connections that keep backups get it after that, each by a job of its own.',
    answers: { 202: JobAccepted },
  })
  async make(): Promise<JobAccepted> {
    const job = await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: BACKUP_JOB, account: null, ids: {} }));
    return { job };
  }
}

function asCopy({ connection, label, state, proved_at, ended_at }: CopyRow): Backup['copies'][number] {
  return {
    connection,
    label,
    state,
    provedAt: proved_at?.toISOString() ?? null,
    endedAt: ended_at?.toISOString() ?? null,
  };
}
