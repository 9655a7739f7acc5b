import { Inject, Injectable } from '@nestjs/common';
import { ManifestBuilder } from '#crypto';
import { Config } from '../config/index.js';
import { Drafts, type Draft, type QuotaReservation } from '../contents/index.js';
import {
  fileRecord,
  publishVersion,
  Tree,
  type Admission,
  type FileRecord,
  type Names,
  type Preconditions,
} from '../files/index.js';
import { AccountKeyring } from '../keys/index.js';
import { type Body, ChunkSender } from './chunk-sender.js';
import { DigestMismatch } from './errors.js';
import { RoomForUpload } from './room-for-upload.js';

export interface StoreRequest {
  readonly account: string;
  readonly names: Names;
  readonly wanted: Preconditions;
  /** Undefined when the client did not say. */
  readonly length: number | undefined;
  readonly contentType: string;
  /** Undefined is now. */
  readonly modifiedAt: Date | undefined;
  /** What the plaintext must hash to, where the client told. */
  readonly sha256: Buffer | undefined;
}

/**
 * Stores a body as the newest version of the file at a path.
 *
 *  1. Refuse early: the path, the preconditions, the quota, the room. Nothing was read yet.
 *  2. Cut the body into chunks, seal each as its bytes arrive, commit its intent, send it, and go
 *     on reading meanwhile. Each is durable before it counts.
 *  3. Close the manifest, and publish content and version in one transaction, which resolves the
 *     path and compares the preconditions once more: it decides.
 *  4. Answer. Whatever goes wrong before the commit, the draft is given up and upkeep deletes its blobs.
 */
@Injectable()
export class StoreFile {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly tree: Tree,
    private readonly keyring: AccountKeyring,
    private readonly room: RoomForUpload,
    private readonly drafts: Drafts,
    private readonly sender: ChunkSender,
  ) {}

  async run(request: StoreRequest, body: Body): Promise<{ file: FileRecord; created: boolean }> {
    const { account, names } = request;
    const admission = await this.tree.checkTarget(account, names, request.wanted);
    const { spread, reservation } = await this.room.reserve(account, request.length);
    try {
      return await this.drafts.fill(account, spread, (draft) =>
        this.fill(draft, { ...request, admission }, reservation, body),
      );
    } finally {
      reservation.release();
    }
  }

  private async fill(
    draft: Draft,
    request: StoreRequest & { admission: Admission },
    reservation: QuotaReservation,
    body: Body,
  ): Promise<{ file: FileRecord; created: boolean }> {
    const { account } = request;
    const manifest = new ManifestBuilder(draft.key.keys.manifest, { account, content: draft.id });
    const sent = await this.sender.sendAll(draft, body, {
      chunkLength: this.config.chunkBytes,
      total: request.length,
      beforeIntent: async (length) => {
        if (request.length === undefined) await reservation.raiseTo(length);
      },
      afterIntent: async (chunk) => {
        const page = manifest.add(chunk.entry);
        if (page) await draft.writePage(page);
      },
    });
    if (request.sha256 && !request.sha256.equals(sent.sha256)) throw new DigestMismatch();
    const keys = await this.keyring.current(account);
    const { header, pages } = manifest.finish(sent.sha256);
    const version = {
      content: draft.id,
      size: sent.length,
      sha256: sent.sha256,
      contentType: request.contentType,
      modifiedAt: request.modifiedAt ?? new Date(),
    };
    const finished = { size: sent.length, chunks: sent.chunks, manifest: { header, pages } };
    const published = await this.tree.publishAdmitted(request, request.admission, (admission) =>
      draft.publish(finished, reservation, (sql) => publishVersion(sql, keys, { ...request, admission }, version)),
    );
    return { file: await fileRecord(this.keyring, account, published), created: published.created };
  }
}
