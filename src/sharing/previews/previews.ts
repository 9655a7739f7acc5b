import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SealBroken } from '#crypto';
import { BlobMissing, BlobTruncated } from '#storage';
import { ContentDamaged, type PreviewPlace } from '../../contents/index.js';
import { KeyDestroyed } from '../../keys/index.js';
import { ContentExchange, type Derived, type OpenFile, type ReadableContent, ReadFile } from '../../transfers/index.js';
import { KeptPreviews } from './kept-previews.js';
import { MakePreview } from './make-preview.js';

/** It is read from where it is kept; from memory, where it could not be kept. */
type Made = Derived | Buffer;

/**
 * Small pictures of what files show. One is made when it is asked for first, and kept; whoever asks meanwhile waits for that
 * one. A kept one that cannot be read any more is made anew: what it shows is still there.
 */
@Injectable()
export class Previews {
  private readonly making = new Map<string, Promise<Made>>();

  constructor(
    private readonly kept: KeptPreviews,
    private readonly make: MakePreview,
    private readonly readFile: ReadFile,
    private readonly exchange: ContentExchange,
  ) {}

  async answer(account: string, file: OpenFile, side: number, request: Request, response: Response): Promise<void> {
    const place = { account, source: file.version.content, side };
    const tag = `${file.version.version}-${side}`;
    if (this.exchange.setValidators(request, response, { tag, modifiedAt: file.version.version_modified_at })) {
      response.end();
      return;
    }
    const show = async (made: Made): Promise<void> =>
      this.exchange.answerFile(this.#asFile(place, file, { made, tag }), request, response);
    const found = await this.kept.find(place);
    try {
      if (found) return await show(found);
    } catch (error) {
      if (!found || !isDamage(error) || response.headersSent || response.destroyed) throw error;
      await this.kept.drop(place, found.content);
    }
    await show(await this.#made(place, file));
  }

  #made(place: PreviewPlace, file: OpenFile): Promise<Made> {
    const name = `${place.source}/${place.side}`;
    const under = this.making.get(name);
    if (under) return under;
    const made = this.#makeAndKeep(place, file).finally(() => this.making.delete(name));
    this.making.set(name, made);
    return made;
  }

  /** Looks once more: between the first look and now another one may have ended its work and left the line. */
  async #makeAndKeep(place: PreviewPlace, file: OpenFile): Promise<Made> {
    const found = await this.kept.find(place);
    if (found) return found;
    const bytes = await this.make.run(place.account, file, place.side);
    return (await this.kept.keep(place, bytes)) ?? bytes;
  }

  /** As a file of its own kind and length, with the name and the times of the one that it shows. */
  #asFile({ account }: PreviewPlace, file: OpenFile, { made, tag }: { made: Made; tag: string }): OpenFile {
    const size = Buffer.isBuffer(made) ? made.length : made.size;
    const name = `${file.node.name}.webp`;
    return {
      ...file,
      node: { ...file.node, name },
      version: { ...file.version, version: tag, size, content_type: 'image/webp' },
      ...(Buffer.isBuffer(made)
        ? { sha256: createHash('sha256').update(made).digest(), content: async () => inMemory(made) }
        : { sha256: made.sha256, content: () => this.readFile.open(account, made) }),
    };
  }
}

/** Nobody can read it any more; away for a while is something else. */
function isDamage(error: unknown): boolean {
  return [ContentDamaged, SealBroken, KeyDestroyed, BlobMissing, BlobTruncated].some((fault) => error instanceof fault);
}

function inMemory(bytes: Buffer): ReadableContent {
  return {
    async *read(start: number, end: number) {
      yield bytes.subarray(start, end);
    },
  };
}
