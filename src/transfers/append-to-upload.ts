import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { ManifestEntry } from '#crypto';
import { Config } from '../config/index.js';
import { type Draft, DraftLost, Drafts, dropChunksFrom, dropPages } from '../contents/index.js';
import { Database, violates } from '../database/index.js';
import type { FileRecord } from '../files/index.js';
import type { Body } from './chunk-sender.js';
import { LengthChanged, OffsetWrong, TooManyChunks, UploadLost, UploadTakenOver, UploadUnknown } from './errors.js';
import { resumableHash } from './plain-hash.js';
import { UploadParts } from './upload-parts.js';
import { chained, openState } from './upload-state.js';
import { Uploads } from './uploads.js';
import { setLength, takeUpload, uploadById, type UploadRow } from './uploads.store.js';

export interface Appending {
  readonly account: string;
  readonly id: string;
  /** Where the client believes that it stands. */
  readonly offset: number;
  /** Told now by a client that did not know it before. */
  readonly length: number | undefined;
  /** Asked when all bytes have come: throws where they are not what was promised. Nothing of them counts then. */
  readonly verify: (() => void) | null;
  /** Of locks that the client holds, for the publication when all has come. */
  readonly tokens: readonly string[];
}

export interface Appended {
  readonly upload: UploadRow;
  /** Once all has come. */
  readonly file: FileRecord | null;
}

/** A whole upload of the smallest honest pieces; who sends less at a time is not uploading a file. */
const MOST_CHUNKS = 250_000;

/** What a request that had the upload before may have intended or written ahead: a chunk's rows, or a manifest's page. */
const ALREADY_THERE = /^(chunks|shards|manifest_pages)(_p\d+)?_pkey$/;

/**
 * Goes on with an upload where it stands.
 *
 *  1. Take the upload: a fence from the sequence, under which alone progress is written. A request that wrote before
 *     finds its own gone at its next chunk, stored or not, and stops. What it left beyond the counted chunks is dropped.
 *  2. Cut, seal, send as every upload does. Each chunk counts when it and all before it are durable: one transaction
 *     moves the offset, keeps what the manifest will say of it, and the sealed state of the hash. A gateway that dies
 *     loses at most the chunks that were on their way, and the client is told where to go on.
 *  3. A body that ends early (the train's tunnel) is sealed as far as it came, in a shorter chunk: nothing that arrived
 *     is sent twice, and nothing waits in this gateway.
 *  4. When all has come, the manifest is made from what was kept, and published with the version in one transaction.
 */
@Injectable()
export class AppendToUpload implements OnApplicationShutdown {
  private readonly underWay = new Map<string, { readonly stop: AbortController; readonly over: Promise<unknown> }>();

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly uploads: Uploads,
    private readonly parts: UploadParts,
    private readonly drafts: Drafts,
  ) {}

  /** Clients that have left wait for nothing, and hold no connection open: what came of their parts is kept all the same. */
  async onApplicationShutdown(): Promise<void> {
    const all = [...this.underWay.values()];
    const impatience = setTimeout(() => {
      for (const { stop } of all) stop.abort(new UploadTakenOver());
    }, this.config.stopSeconds * 1000);
    await Promise.all(all.map(({ over }) => over));
    clearTimeout(impatience);
  }

  /** A later request for the same upload ends an earlier one: its client has long given that up. */
  async run(appending: Appending, open: Body['open']): Promise<Appended> {
    const { account, id } = appending;
    const stop = new AbortController();
    for (let earlier = this.underWay.get(id); earlier; earlier = this.underWay.get(id)) {
      earlier.stop.abort(new UploadTakenOver());
      await earlier.over;
    }
    // Nothing is waited for between the last look and this: of two that come at one time, one hears of the other.
    const work = this.unlessPublished(appending, { open, gone: stop.signal });
    this.underWay.set(id, { stop, over: work.catch(() => undefined).finally(() => this.underWay.delete(id)) });
    return work.catch((error: unknown) => this.afterFailure(error, account, id));
  }

  /**
   * An upload of which all has come, and which nobody published: its gateway died just then, or the path was locked.
   * Its client takes it for finished when it hears the offset, so this is done before it is told.
   */
  async finish(upload: UploadRow, tokens: readonly string[]): Promise<UploadRow> {
    if (upload.published || upload.offset !== upload.length) return upload;
    const { account, id, offset } = upload;
    const nothing = { account, id, offset, length: undefined, verify: null, tokens };
    return (await this.run(nothing, async function* () {})).upload;
  }

  private async unlessPublished(appending: Appending, body: Body): Promise<Appended> {
    const known = await this.uploads.find(appending.account, appending.id);
    if (known.offset !== appending.offset) throw new OffsetWrong(known.offset);
    return known.published ? { upload: known, file: null } : this.append(appending, body);
  }

  /** Another gateway may have finished it meanwhile. What cannot be finished ends here: its client is to begin a new one. */
  private async afterFailure(error: unknown, account: string, id: string): Promise<Appended> {
    if (![UploadUnknown, UploadTakenOver, DraftLost, UploadLost].some((ended) => error instanceof ended)) throw error;
    const upload = await this.uploads.find(account, id);
    if (upload.published) return { upload, file: null };
    const changed = error instanceof UploadLost;
    if (!changed && !(error instanceof DraftLost)) throw error;
    throw (await this.uploads.giveUpIfLost(upload, changed)) ? new UploadLost() : error;
  }

  private async append(appending: Appending, body: Body): Promise<Appended> {
    const taken = await this.take(appending);
    const goOn = this.drafts.resume(taken.account, taken.id, async (draft) => {
      const { reservation, others } = await this.parts.reserve(taken);
      const raise = async (length: number): Promise<void> => {
        if (taken.length === null) await reservation.raiseTo(others + length);
      };
      try {
        const whole = taken.offset === taken.length;
        const upload = whole ? taken : await this.fill(draft, taken, appending.verify, body, raise);
        if (upload.offset !== upload.length) return { upload, file: null };
        const file = await this.parts.publish(draft, upload, reservation, appending.tokens);
        return { upload: { ...upload, published: true }, file };
      } finally {
        reservation.release();
      }
    });
    return goOn.catch((error: unknown) => {
      // A request that had it before has intended one more chunk meanwhile: it goes when somebody takes the upload next.
      throw violates(error, ALREADY_THERE) ? new UploadTakenOver() : error;
    });
  }

  private take({ account, id, offset, length }: Appending): Promise<UploadRow> {
    return this.database.tx(async (sql) => {
      const upload = await takeUpload(sql, account, id);
      if (!upload) throw new UploadUnknown();
      if (upload.offset !== offset) throw new OffsetWrong(upload.offset);
      await dropChunksFrom(sql, upload, upload.chunks);
      await dropPages(sql, upload);
      if (length === undefined || upload.length === length) return upload;
      if (length < offset || !(await setLength(sql, upload, length))) throw new LengthChanged();
      return { ...upload, length };
    });
  }

  private async fill(
    draft: Draft,
    taken: UploadRow,
    verify: Appending['verify'],
    body: Body,
    beforeIntent: (length: number) => Promise<void>,
  ): Promise<UploadRow> {
    let state = openState(draft.key.keys, taken);
    const hash = await resumableHash(state.hash);
    const waiting: ManifestEntry[] = [];
    const count = async (): Promise<void> => {
      if (waiting.length === 0) return;
      await this.parts.count(draft, taken, waiting.splice(0), state, this.uploads.lastsSeconds);
    };
    await this.parts.send(draft, body, {
      hash,
      from: { index: taken.chunks, offset: taken.offset },
      beforeIntent,
      afterSent: async ({ entry, hashState }) => {
        if (entry.index >= MOST_CHUNKS) throw new TooManyChunks();
        const offset = entry.offset + entry.length;
        state = { offset, chunks: entry.index + 1, chain: chained(state.chain, entry), hash: hashState };
        waiting.push(entry);
        if (!verify) await count();
      },
      chunkLength: this.config.chunkBytes,
    });
    verify?.();
    await count();
    return { ...taken, offset: state.offset, chunks: state.chunks, ...(await this.sealed(taken)) };
  }

  private async sealed(taken: UploadRow): Promise<Pick<UploadRow, 'sealed_hash' | 'expires_at'>> {
    const row = await uploadById(this.database, taken.account, taken.id);
    if (!row || row.fence !== taken.fence) throw new UploadTakenOver();
    return { sealed_hash: row.sealed_hash, expires_at: row.expires_at };
  }
}
