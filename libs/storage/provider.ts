/**
 * What Tessera asks of a place that keeps bytes. A provider sees opaque blobs under random
 * names and never a key: this library cannot import the crypto one.
 *
 * Every method says what holds when it has returned, and which errors it throws; what providers
 * differ in is data (`traits`), so that no caller ever asks which provider it speaks to.
 *
 * Our folder is there from the first `writeMarker` to `removeFolder`; outside of that time the calls
 * about blobs throw ConnectionAway. A call whose `signal` aborts rejects with the signal's reason.
 * A name that is not a BlobName throws BlobNameRefused before anything is touched.
 */
export interface StorageProvider {
  readonly traits: Traits;

  /**
   * A name for a blob to come, never given before. Most providers take any random one; where the provider must have
   * chosen it for a repeated put to be harmless, this asks. Nothing is stored, and a name that stays unused costs nothing.
   */
  nameBlob(options?: CallOptions): Promise<BlobName>;

  /**
   * Stores a new blob. When it returns, the bytes are durable at the provider under `name`, whole,
   * and the proof says how that is known. Repeating a put with the same name and the same bytes is
   * harmless. A put that throws may have left nothing, or the whole blob, or (never visible under
   * `name`) a part of it; `delete` removes whichever it was.
   * Throws ConnectionFull, Throttled, ConnectionAway, AccessRefused, BlobMismatch (other bytes lie there),
   * BodyLengthWrong (the body gave more or fewer bytes than announced; then nothing is visible under `name`).
   */
  put(name: BlobName, body: BlobBody, options?: CallOptions): Promise<PutProof>;

  /**
   * The bytes `[offset, offset + length)` of a blob, fetched as the reader asks for them: nothing
   * is read ahead beyond one piece. Ends exactly after `length` bytes, or throws: BlobMissing before
   * the first byte, BlobTruncated when the blob ends early. Each piece is the reader's to keep. An
   * empty range yields nothing, and need not look whether the blob is there. A reader that stops early must
   * end the iteration (`break` in a `for await` does): until then a handle or a socket stays open.
   */
  get(name: BlobName, range: ByteRange, options?: GetOptions): AsyncIterable<Buffer>;

  /** What lies under the name, or null. Never concludes absence from a stale listing. */
  stat(name: BlobName, options?: CallOptions): Promise<BlobStat | null>;

  /**
   * Afterwards nothing lies under the name, nor in the provider's trash where it can be helped. Absent is fine.
   * A place that cannot be seen whole (a disk not mounted, a folder not found) throws ConnectionAway: absence is
   * concluded only from a place that is there.
   */
  delete(name: BlobName, options?: CallOptions): Promise<void>;

  /** Pages of everything in our folder but the marker, in any order. Anything there that is not a blob of ours has `foreign: true`. */
  list(cursor?: string, options?: CallOptions): Promise<BlobListing>;

  /** Room as the provider tells it, or null where it does not. */
  space(options?: CallOptions): Promise<Space | null>;

  /** The sealed marker of our folder, or null when there is none (a new or a wiped place). */
  readMarker(options?: CallOptions): Promise<Buffer | null>;
  /** Replaces the marker, atomically and durably. Makes the folder when it is not there. */
  writeMarker(marker: Buffer, options?: CallOptions): Promise<void>;

  /**
   * Takes away the marker and our folder, for a connection that is let go. Absent is fine.
   * Throws FolderInUse, and removes no blob and nothing foreign, while any lies in it.
   */
  removeFolder(options?: CallOptions): Promise<void>;

  /** Lets go of sockets and handles. No call may follow. */
  close(): Promise<void>;
}

/**
 * What `nameBlob` gave: 26 characters of lower-case base32 (130 random bits), which serve every provider, case-blind
 * ones too; or, where a provider hands out its own, 16 to 64 letters, digits, hyphens and underscores.
 */
export type BlobName = string & { readonly __blobName: unique symbol };

/**
 * Bytes that can be read more than once, so that a wrapper may retry. `pieces` starts afresh at each call.
 * A provider may gather pieces before it sends them: a piece must not change until the put has settled.
 */
export interface BlobBody {
  readonly length: number;
  pieces(): Iterable<Buffer> | AsyncIterable<Buffer>;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface GetOptions extends CallOptions {
  /** The most a reader wants in hand at once; pieces are this long but for the last. A provider that streams may give smaller ones. */
  readonly pieceLength?: number;
}

export interface PutProof {
  /** `fsync`: flushed to a disk of ours. `checksum`: the provider's own hash matched. `looked`: found by id with its length afterwards. */
  readonly kind: 'fsync' | 'checksum' | 'looked';
  /** What the provider can later confirm by itself, e.g. `md5:…`; null where it has nothing. */
  readonly checksum: string | null;
}

export interface BlobStat {
  readonly length: number;
  readonly checksum: string | null;
}

export interface BlobListing {
  readonly entries: readonly ListedBlob[];
  /** Undefined when this was the last page. */
  readonly nextCursor?: string;
}

export interface ListedBlob extends BlobStat {
  readonly name: string;
  readonly foreign: boolean;
}

export interface Space {
  readonly total: number | null;
  readonly used: number | null;
  readonly free: number | null;
}

export interface Traits {
  /** The largest blob that one put may carry. */
  readonly largestBlob: number;
  /** The provider's own checksum, named as in `PutProof.checksum`, or null. */
  readonly checksum: string | null;
  /** Whether a put under an existing name is refused by the provider itself. */
  readonly createOnly: boolean;
  readonly spaceKnown: boolean;
  /** Whether `get` may start in the middle at no extra cost. */
  readonly ranges: boolean;
  /** How long an upload that was begun may still come to life after the gateway that sent it has died. */
  readonly longestUploadSessionMs: number;
}

/** What a provider can do that writes into temporary names first, and may leave some behind when its process is killed. */
export interface KeepsTemporaries {
  /** Other openers that have, or once had, something half-written here. */
  temporaryOwners(): Promise<string[]>;
  /** Removes what these openers left. Only the caller can know that they are dead. */
  sweepTemporary(dead: readonly string[]): Promise<number>;
}
