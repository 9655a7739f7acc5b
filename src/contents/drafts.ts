import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { abandonDraft, openDrafts } from './abandon.store.js';
import { Draft } from './draft.js';
import { leasedDraft, openLeasedDraft } from './draft.store.js';
import { DraftLost } from './errors.js';
import { GatewayLease } from '../gateways/index.js';

/** A draft that its gateway does not know and that is older than this was left behind by a lost answer. */
const STRAY_SECONDS = 60;

export interface Spread {
  readonly data: number;
  readonly parity: number;
}

/** The drafts of this gateway. */
@Injectable()
export class Drafts {
  private readonly log = new Logger('contents');
  private readonly known = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly lease: GatewayLease,
  ) {}

  /** Runs an upload with a draft of its own; whatever way the work ends without publishing, the draft is given up. */
  async fill<T>(account: string, spread: Spread, work: (draft: Draft) => Promise<T>): Promise<T> {
    const id = randomUUIDv7();
    const key = await this.keyring.newContentKey(account, id);
    const identity = { account, id, accountKey: key.accountKey, wrappedKey: key.wrapped, gateway: this.lease.id };
    const draft = new Draft(this.database, { ...identity, ...spread }, key);
    this.known.add(id);
    try {
      return await work(draft);
    } finally {
      await draft.abandon().catch((error: Error) => this.log.warn(`A draft is left to upkeep: ${error.message}`));
      key.keys.chunkWrap.wipe();
      key.keys.manifest.wipe();
      this.known.delete(id);
    }
  }

  /**
   * A draft that is filled over several requests: answers what opens it in the caller's transaction. Its key is made before
   * that begins, since a transaction may ask for nothing more. Upkeep gives the draft up when its lease ends.
   */
  async leased(
    account: string,
    draft: { id: string; spread: Spread; leaseSeconds: number },
  ): Promise<(sql: Sql) => Promise<void>> {
    const { id, spread, leaseSeconds } = draft;
    const key = await this.keyring.newContentKey(account, id);
    key.keys.chunkWrap.wipe();
    key.keys.manifest.wipe();
    const identity = { account, id, accountKey: key.accountKey, wrappedKey: key.wrapped, gateway: null };
    return (sql) => openLeasedDraft(sql, { ...identity, ...spread }, leaseSeconds);
  }

  /** Goes on with such a draft. However the work ends, the draft stays as it is. Throws DraftLost when it is over. */
  async resume<T>(account: string, id: string, work: (draft: Draft) => Promise<T>): Promise<T> {
    const content = await leasedDraft(this.database, account, id);
    if (!content) throw new DraftLost();
    const wrapped = { accountKey: content.accountKey, wrapped: content.wrappedKey };
    const keys = await this.keyring.openContentKey(account, id, wrapped);
    try {
      return await work(new Draft(this.database, content, { keys }, true));
    } finally {
      keys.chunkWrap.wipe();
      keys.manifest.wipe();
    }
  }

  /** Gives up what this gateway has open in the database but not in hand. */
  async sweepStrays(): Promise<number> {
    const strays = (await openDrafts(this.database, this.lease.id, STRAY_SECONDS)).filter(
      (draft) => !this.known.has(draft.id),
    );
    for (const stray of strays) await this.database.tx((sql) => abandonDraft(sql, stray));
    return strays.length;
  }
}
