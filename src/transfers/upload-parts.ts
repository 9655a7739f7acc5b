import { Injectable } from '@nestjs/common';
import { type FinishedManifest, MANIFEST_PAGE_CHUNKS, ManifestBuilder, type ManifestEntry } from '#crypto';
import { type Draft, dropChunksFrom, type QuotaReservation } from '../contents/index.js';
import { Database } from '../database/index.js';
import { fileRecord, publishVersion, Tree, type FileRecord } from '../files/index.js';
import { AccountKeyring } from '../keys/index.js';
import { type Body, ChunkSender } from './chunk-sender.js';
import { UploadLost, UploadTakenOver } from './errors.js';
import { type PlainHash, resumableHash } from './plain-hash.js';
import { RoomForUpload } from './room-for-upload.js';
import type { SealedChunk } from './seal-chunks.js';
import { chained, noChain, openState, sealState, type UploadState } from './upload-state.js';
import { addProgress, notePublished, storedEntries, unfinished, type UploadRow } from './uploads.store.js';

interface PartPlan {
  readonly hash: PlainHash;
  readonly from: { readonly index: number; readonly offset: number };
  readonly beforeIntent: (length: number) => Promise<void>;
  readonly afterSent: (chunk: SealedChunk) => Promise<void>;
  readonly chunkLength: number;
}

/** The steps that an appending takes with what the rooms above keep. */
@Injectable()
export class UploadParts {
  constructor(
    private readonly database: Database,
    private readonly room: RoomForUpload,
    private readonly sender: ChunkSender,
    private readonly keyring: AccountKeyring,
    private readonly tree: Tree,
  ) {}

  /** The whole length, and what the account's other uploads hold already. */
  async reserve(upload: UploadRow): Promise<{ reservation: QuotaReservation; others: number }> {
    const open = await unfinished(this.database, upload.account);
    const others = Math.max(0, open.bytes - upload.offset);
    const { reservation } = await this.room.reserve(upload.account, upload.length ?? upload.offset, others);
    return { reservation, others };
  }

  async send(draft: Draft, body: Body, plan: PartPlan): Promise<void> {
    await this.sender.sendAll(draft, body, { ...plan, total: undefined, afterIntent: async () => undefined });
  }

  async count(
    draft: Draft,
    upload: UploadRow,
    entries: readonly ManifestEntry[],
    state: UploadState,
    lastsSeconds: number,
  ): Promise<void> {
    const sealedHash = sealState(draft.key.keys, upload, { ...state, hash: state.hash as Buffer });
    const progress = { offset: state.offset, chunks: state.chunks, sealedHash };
    await draft.settle(async (sql) => {
      if (!(await addProgress(sql, upload, entries, progress, lastsSeconds))) throw new UploadTakenOver();
    });
  }

  async publish(
    draft: Draft,
    upload: UploadRow,
    reservation: QuotaReservation,
    tokens: readonly string[],
  ): Promise<FileRecord> {
    const { account, id } = upload;
    const state = openState(draft.key.keys, upload);
    const sha256 = (await resumableHash(state.hash)).digest();
    const { header, pages } = await this.closeManifest(draft, upload, state, sha256);
    const keys = await this.keyring.current(account);
    const target = { account, names: upload.names, wanted: { tokens } };
    const modifiedAt = upload.modified_at ?? new Date();
    const version = { content: id, size: state.offset, sha256, contentType: upload.content_type, modifiedAt };
    const finished = { size: state.offset, chunks: state.chunks, manifest: { header, pages } };
    const published = await this.tree.publishAdmitted(
      target,
      await this.tree.checkTarget(account, upload.names, target.wanted),
      (admission) =>
        draft.publish(finished, reservation, async (sql) => {
          if (!(await notePublished(sql, upload))) throw new UploadTakenOver();
          // A request that had this upload before may have intended one more; from here on none can.
          await dropChunksFrom(sql, upload, upload.chunks);
          return publishVersion(sql, keys, { ...target, admission }, version);
        }),
    );
    return fileRecord(this.keyring, account, published);
  }

  /** From what was kept of each chunk, a page's worth at a time. Throws UploadLost where that is not what was stored. */
  private async closeManifest(
    draft: Draft,
    upload: UploadRow,
    state: UploadState,
    sha256: Buffer,
  ): Promise<FinishedManifest> {
    const { account, id } = upload;
    const manifest = new ManifestBuilder(draft.key.keys.manifest, { account, content: id });
    let chain = noChain;
    let [count, offset] = [0, 0];
    for (let from = 0; from < state.chunks; from += MANIFEST_PAGE_CHUNKS) {
      for (const entry of await storedEntries(this.database, upload, from, MANIFEST_PAGE_CHUNKS)) {
        chain = chained(chain, entry);
        if (entry.index !== count || entry.offset !== offset) throw new UploadLost();
        [count, offset] = [count + 1, offset + entry.length];
        const page = manifest.add(entry);
        if (page) await draft.writePage(page);
      }
    }
    if (!chain.equals(state.chain)) throw new UploadLost();
    return manifest.finish(sha256);
  }
}
