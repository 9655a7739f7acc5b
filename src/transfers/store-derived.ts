import { Inject, Injectable } from '@nestjs/common';
import { ManifestBuilder } from '#crypto';
import { Config } from '../config/index.js';
import { Drafts } from '../contents/index.js';
import type { Sql } from '../database/index.js';
import { ChunkSender } from './chunk-sender.js';
import { RoomForUpload } from './room-for-upload.js';

export interface Derived {
  readonly content: string;
  readonly size: number;
  readonly sha256: Buffer;
}

/**
 * Stores a few bytes that were made from a content, as a content of their own: sealed, spread and published as an upload is,
 * but a part of no version, and counted against no quota. What names it is written by `also`, in the publishing transaction.
 */
@Injectable()
export class StoreDerived {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly room: RoomForUpload,
    private readonly drafts: Drafts,
    private readonly sender: ChunkSender,
  ) {}

  async run(account: string, bytes: Buffer, also: (sql: Sql, made: Derived) => Promise<void>): Promise<Derived> {
    const spread = await this.room.spreadFor(account, bytes.length);
    return this.drafts.fill(account, spread, async (draft) => {
      const manifest = new ManifestBuilder(draft.key.keys.manifest, { account, content: draft.id });
      const body = { open: () => once(bytes), gone: new AbortController().signal };
      const sent = await this.sender.sendAll(draft, body, {
        chunkLength: this.config.chunkBytes,
        total: bytes.length,
        beforeIntent: async () => {},
        afterIntent: async (chunk) => {
          const page = manifest.add(chunk.entry);
          if (page) await draft.writePage(page);
        },
      });
      const made = { content: draft.id, size: sent.length, sha256: sent.sha256 };
      const finished = { size: sent.length, chunks: sent.chunks, manifest: manifest.finish(sent.sha256) };
      await draft.publish(finished, null, (sql) => also(sql, made));
      return made;
    });
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
