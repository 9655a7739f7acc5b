import { setTimeout as pause } from 'node:timers/promises';
import { CommitUnknown, DatabaseAway, DatabaseBusy, type Database, type Sql } from '../database/index.js';
import type { NewContentKey } from '../keys/index.js';
import { abandonDraft, contentState, entomb } from './abandon.store.js';
import {
  addChunk,
  enliven,
  openDraft,
  replanShard,
  type IntendedBlob,
  type IntendedChunk,
  type LiveBlob,
  type NewContent,
} from './draft.store.js';
import { DraftLost, SlabClosed } from './errors.js';
import { addPage, publishDraft, publishEmpty, type FinishedContent } from './publication.store.js';
import type { QuotaReservation } from './quota-slab.js';

/** How long an unclear COMMIT is asked about before the answer has to be «unknown». */
const CLEAR_UP_ATTEMPTS = 60;
const CLEAR_UP_PAUSE_MS = 500;

/**
 * One upload's content while it is being filled. The order in which things are written is what
 * makes it safe to be killed anywhere:
 *
 *  1. intent (content, chunk with its wrapped key, shards, blobs) is committed before a byte is sent,
 *     so whatever may lie on a connection is known and can be swept;
 *  2. a blob is noted live only with the provider's proof, at the latest by the publication;
 *  3. publication is one transaction: content by compare-and-set, manifest, and what the caller adds
 *     (the version in the tree). Before it nothing is visible, after it everything is;
 *  4. whoever gives a draft up sets its state first; only condemned blobs are ever deleted.
 */
export class Draft {
  private ended = false;
  /** What is live and not written down; intents and settlements may overlap. */
  private readonly live = new Set<LiveBlob>();

  constructor(
    private readonly database: Database,
    private readonly content: NewContent,
    readonly key: Pick<NewContentKey, 'keys'>,
    /** Whether its row is there already. */
    private opened = false,
  ) {}

  get account(): string {
    return this.content.account;
  }

  get id(): string {
    return this.content.id;
  }

  get spread(): { data: number; parity: number } {
    return { data: this.content.data, parity: this.content.parity };
  }

  /** Commits the intent for a chunk. Calls must not overlap. */
  async intend(chunk: IntendedChunk): Promise<void> {
    if (!this.opened) {
      await openDraft(this.database, this.content, chunk);
      this.opened = true;
      return;
    }
    const live = [...this.live];
    if (!(await addChunk(this.database, this.content, chunk, live))) throw new DraftLost();
    this.written(live);
  }

  /**
   * Commits that a shard is to lie elsewhere, perhaps to wait for its home; what lies at the first place will be deleted.
   * Throws DraftLost, also where somebody else has planned that shard meanwhile.
   */
  async replan(
    at: { chunk: number; shard: number; first: string },
    blob: IntendedBlob,
    home: string | null,
  ): Promise<void> {
    const place = { account: this.account, content: this.id, ...at };
    if (!(await replanShard(this.database, place, blob, home))) throw new DraftLost();
  }

  /** The provider has proved that it has the blob; recorded with the next intent or with the publication. */
  noteLive(blob: LiveBlob): void {
    this.live.add(blob);
  }

  /** Writes down what is live by now, in one transaction with what `also` writes. Throws DraftLost. */
  async settle(also: (sql: Sql) => Promise<void>): Promise<void> {
    const live = [...this.live];
    await this.database.tx(async (sql) => {
      await also(sql);
      if (!(await enliven(sql, this.content, live))) throw new DraftLost();
    });
    this.written(live);
  }

  async writePage(page: { page: number; startOffset: number; sealed: Buffer }): Promise<void> {
    if (!(await addPage(this.database, this.content, page))) throw new DraftLost();
  }

  /**
   * Publishes the content together with what `also` writes, in one transaction. When it returns, it
   * is committed; when it throws, nothing is visible, but for the one case that a fault names: the
   * database could not be asked for its verdict on a lost COMMIT.
   */
  async publish<T>(
    finished: Omit<FinishedContent, 'slab'>,
    /** Null for what counts against no quota. */
    reservation: QuotaReservation | null,
    also: (sql: Sql) => Promise<T>,
  ): Promise<T> {
    let result: { value: T } | undefined;
    const work = async (sql: Sql): Promise<T> => {
      const slab = reservation?.slabId ?? null;
      if (reservation && slab === null) throw new SlabClosed();
      await this.close(sql, { ...finished, slab });
      const value = await also(sql);
      result = { value };
      return value;
    };
    try {
      await this.database.tx(work);
    } catch (error) {
      if (error instanceof SlabClosed && reservation) {
        await reservation.renew();
        return this.publish(finished, reservation, also);
      }
      if (!(error instanceof CommitUnknown)) throw error;
      await this.clearUp(error);
    }
    this.ended = true;
    reservation?.spend(finished.size);
    return (result as { value: T }).value;
  }

  /** Gives the draft up, if it was not published. What cannot be done now, upkeep does. */
  async abandon(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.database.tx((sql) => abandonDraft(sql, this.content));
  }

  private written(live: readonly LiveBlob[]): void {
    for (const blob of live) this.live.delete(blob);
  }

  private async close(sql: Sql, finished: FinishedContent): Promise<void> {
    if (!this.opened) {
      if (!(await publishEmpty(sql, this.content, finished))) throw new SlabClosed();
      return;
    }
    const { published, slab } = await publishDraft(sql, this.content, finished, [...this.live]);
    if (!published) throw new DraftLost();
    if (!slab) throw new SlabClosed();
  }

  /**
   * The answer to COMMIT was lost. We try to give the draft up: the row lock (or, where there is no
   * row yet, the unique key of a tombstone) waits for the transaction in doubt, so the outcome is
   * certain. If giving up fails, it was published.
   */
  private async clearUp(unknown: CommitUnknown): Promise<void> {
    for (let attempt = 0; attempt < CLEAR_UP_ATTEMPTS; attempt++) {
      try {
        const state = await this.database.tx(async (sql) => {
          if (!this.opened) await entomb(sql, this.content);
          await abandonDraft(sql, this.content);
          return contentState(sql, this.content);
        });
        if (state === 'published') return;
        this.ended = true;
        throw new DraftLost();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await pause(CLEAR_UP_PAUSE_MS);
      }
    }
    throw unknown;
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof CommitUnknown || error instanceof DatabaseAway || error instanceof DatabaseBusy;
}
