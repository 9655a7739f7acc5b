import { Inject, Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { beginErasing, eraseUnheld } from '../contents/index.js';
import { Database } from '../database/index.js';
import { agedVersions, momentNow, surplusVersions, type OldVersion } from './trimming.store.js';
import { deleteOldVersions } from './versions.store.js';

const VERSIONS_AT_ONCE = 500;
const ROUND_MS = 10_000;
/** Before all time: the first round looks at every file that has earlier versions. */
const NEVER = '-infinity';

/**
 * Erases earlier versions that are too many or too old, in bounded transactions. The newest version is never one of them.
 * Only files that were written since the last round can have too many, so only at those it looks.
 */
@Injectable()
export class TrimVersions {
  #lookedUntil = NEVER;

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
  ) {}

  async run(): Promise<void> {
    const { versionDays, versionsKept } = this.config;
    const deadline = performance.now() + ROUND_MS;
    if (versionDays > 0) await this.#erase(deadline, () => agedVersions(this.database, versionDays, VERSIONS_AT_ONCE));
    if (versionsKept === 0) return;
    const from = this.#lookedUntil;
    // A minute of overlap: a publication that began before our look may be committed after it.
    const now = await momentNow(this.database, 60);
    const find = () => surplusVersions(this.database, { kept: versionsKept, from, most: VERSIONS_AT_ONCE });
    if (await this.#erase(deadline, find)) this.#lookedUntil = now;
  }

  /** Whether nothing was left when the time was over. */
  async #erase(deadline: number, find: () => Promise<OldVersion[]>): Promise<boolean> {
    for (;;) {
      const found = await find();
      for (const [account, versions] of Map.groupBy(found, (version) => version.account)) {
        await this.database.tx(async (sql) => {
          await beginErasing(sql, account);
          const ids = versions.map(({ id }) => id);
          await eraseUnheld(sql, account, await deleteOldVersions(sql, account, ids));
        });
      }
      if (found.length < VERSIONS_AT_ONCE) return true;
      if (performance.now() > deadline) return false;
    }
  }
}
