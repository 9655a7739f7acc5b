import { Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { openPreview, sealPreview } from '#crypto';
import { dropPreview, keepPreview, keptPreview, type PreviewPlace } from '../../contents/index.js';
import { Database } from '../../database/index.js';
import { AccountKeyring } from '../../keys/index.js';
import { type Derived, StoreDerived } from '../../transfers/index.js';
import { PreviewNotKept } from '../faults.js';

/** Previews as they are kept: contents of their own, and rows under a seal that say what they show. */
@Injectable()
export class KeptPreviews {
  private readonly log = new Logger('sharing');

  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly storeDerived: StoreDerived,
  ) {}

  /** Its row is proved; SealBroken where somebody changed it. */
  async find(place: PreviewPlace): Promise<Derived | null> {
    const row = await keptPreview(this.database, place);
    if (!row) return null;
    const { content, size } = row;
    const keys = await this.keyring.byId(place.account, row.account_key);
    const sha256 = openPreview(keys.tree, { ...place, content, size }, row.mac, row.sealed_sha256);
    return { content, size, sha256 };
  }

  /** Null where it could not be kept: there is no room, another gateway was quicker, what it shows was erased meanwhile. */
  async keep(place: PreviewPlace, bytes: Buffer): Promise<Derived | null> {
    const { account } = place;
    try {
      const keys = await this.keyring.current(account);
      return await this.storeDerived.run(account, bytes, async (sql, { content, size, sha256 }) => {
        const seal = sealPreview(keys.tree, { ...place, content, size }, sha256);
        const row = { content, size, account_key: keys.id, mac: seal.mac, sealed_sha256: seal.sealedSha256 };
        if (!(await keepPreview(sql, place, row))) throw new PreviewNotKept();
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.log.debug(`A preview was not kept: ${error.message}`);
      return null;
    }
  }

  /** It will be made anew when somebody asks. */
  drop(place: PreviewPlace, content: string): Promise<void> {
    return this.database.tx((sql) => dropPreview(sql, place, content));
  }
}
