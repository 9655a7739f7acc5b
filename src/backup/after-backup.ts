import { Inject, Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { DeletionHold } from '../connections/index.js';
import { Database } from '../database/index.js';
import { forgetExpired, noteExpired } from './backups.store.js';
import { expireBackups } from './expire-backups.js';
import { KeepCopies } from './keep-copies.js';
import type { MadeBackup } from './make-backup.js';

/** What follows when a backup was proved: old files go, and connections that keep backups get it. */
@Injectable()
export class AfterBackup {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly hold: DeletionHold,
    private readonly copies: KeepCopies,
  ) {}

  /** Answers how many files went. */
  async run(made: MadeBackup): Promise<number> {
    const { folder, days } = this.config.backups;
    const expired = (await this.hold.stands()) ? [] : await expireBackups(folder, days, made);
    await noteExpired(this.database, expired);
    await forgetExpired(this.database);
    await this.copies.lookNow();
    return expired.length;
  }
}
