import { derive } from './derivation.js';
import { DIGEST_LENGTH, MESSAGE_ID_LENGTH } from './format.js';
import {
  checkedNext,
  encodeEntries,
  encodeHeader,
  MANIFEST_PAGE_CHUNKS,
  manifestAssociated,
  manifestPartKey,
  type ManifestEntry,
  type ManifestIds,
} from './manifest-layout.js';
import { random } from './randomness.js';
import { sealBytes } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

export interface SealedPage {
  page: number;
  /** Where the page's first chunk begins in the file. A hint for finding the page; what it holds is checked when it is opened. */
  startOffset: number;
  sealed: Buffer;
}

export interface FinishedManifest {
  header: Buffer;
  /** The pages that `add` did not hand out yet; the last one is flagged. */
  pages: SealedPage[];
  totalLength: number;
}

/** Collects the chunks of one content in their order and seals what closes it. Used once. */
export class ManifestBuilder {
  readonly #id = random(MESSAGE_ID_LENGTH);
  readonly #manifestKey: SecretKey;
  readonly #ids: ManifestIds;
  #entries: ManifestEntry[] = [];
  #pages = 0;
  #chunks = 0;
  #totalLength = 0;
  #finished = false;

  constructor(manifestKey: SecretKey, ids: ManifestIds) {
    this.#manifestKey = manifestKey;
    this.#ids = ids;
  }

  /** Answers a page that became full and, because another chunk followed it, is not the last. */
  add(entry: ManifestEntry): SealedPage | null {
    this.#mustBeOpen();
    const next = checkedNext(entry, this.#chunks, this.#totalLength);
    const full = this.#entries.length === MANIFEST_PAGE_CHUNKS ? this.#sealPage(false) : null;
    this.#entries.push(entry);
    this.#chunks += 1;
    this.#totalLength = next;
    return full;
  }

  /** Takes the SHA-256 of the whole plaintext. */
  finish(sha256: Buffer): FinishedManifest {
    this.#mustBeOpen();
    if (sha256.length !== DIGEST_LENGTH) throw new RangeError('A SHA-256 has 32 bytes.');
    this.#finished = true;
    const pages = this.#entries.length > 0 ? [this.#sealPage(true)] : [];
    return { header: this.#sealHeader(sha256), pages, totalLength: this.#totalLength };
  }

  #sealPage(last: boolean): SealedPage {
    const page = this.#pages;
    const startOffset = this.#entries[0]?.offset ?? 0;
    const associated = manifestAssociated(this.#ids, { part: 'page', page, last });
    const key = manifestPartKey(this.#manifestKey, this.#id, 'page', associated);
    const sealed = sealBytes(key, encodeEntries(this.#entries), associated);
    key.wipe();
    this.#entries = [];
    this.#pages += 1;
    return { page, startOffset, sealed };
  }

  #sealHeader(sha256: Buffer): Buffer {
    const associated = manifestAssociated(this.#ids, { part: 'header' });
    const commitment = derive(this.#manifestKey, 'manifest/commitment', this.#id, associated);
    const key = manifestPartKey(this.#manifestKey, this.#id, 'header', associated);
    const plain = encodeHeader({ totalLength: this.#totalLength, chunks: this.#chunks, pages: this.#pages, sha256 });
    const sealed = sealBytes(key, plain, associated);
    key.wipe();
    return Buffer.concat([this.#id, commitment, sealed]);
  }

  #mustBeOpen(): void {
    if (this.#finished) throw new Error('This manifest is finished.');
  }
}
