import { createHash } from 'node:crypto';
import {
  ChunkOpener,
  ChunkSealer,
  deriveAccountKeys,
  deriveContentKeys,
  ManifestBuilder,
  openManifestHeader,
  openManifestPage,
  openVersion,
  SealBroken,
  sealedLength,
  SecretKey,
  sealVersion,
  unwrapKey,
  wrapKey,
  type ChunkContext,
  type SealedRow,
  type VersionFields,
  type WrapContext,
} from '../index.js';

/** A valid id that differs for each number. */
export function id(number: number): string {
  return `0199d3a0-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

export function sealChunk(key: SecretKey, context: ChunkContext, plain: Buffer, padded = plain.length): Buffer {
  const sealer = new ChunkSealer(key, context, { plainLength: plain.length, paddedLength: padded });
  return Buffer.concat([sealer.header, ...sealer.update(plain), ...sealer.finish()]);
}

/** Reads a whole blob, as a reader must: header compared, every frame opened. */
export function openChunk(opener: ChunkOpener, blob: Buffer, padded: number): Buffer {
  if (blob.length !== sealedLength(padded)) throw new SealBroken();
  opener.checkHeader(blob.subarray(0, 64));
  const frames: Buffer[] = [];
  for (let frame = 0; frame < opener.frameCount; frame += 1) {
    const at = 64 + frame * 65_552;
    frames.push(opener.openFrame(frame, blob.subarray(at, Math.min(at + 65_552, blob.length))));
  }
  return Buffer.concat(frames);
}

/** What lies in the database and on the providers for one version of a file. */
export interface StoredFile {
  fields: VersionFields;
  version: SealedRow;
  contentKeyId: string;
  wrappedContentKey: Buffer;
  manifestHeader: Buffer;
  pages: Buffer[];
  wrappedChunkKeys: Map<string, Buffer>;
  blobs: Buffer[];
}

export interface Account {
  account: string;
  accountKeyId: string;
  accountKey: SecretKey;
}

export interface NewFile {
  file: string;
  version: string;
  content: string;
  chunks: Buffer[];
  /** Tells the key ids of one file from another's. */
  firstKeyId: number;
}

export function storeFile(owner: Account, made: NewFile): StoredFile {
  const { account } = owner;
  const { content } = made;
  const { contentWrap, tree } = deriveAccountKeys(owner.accountKey);
  const contentKey = SecretKey.random();
  const contentKeyId = id(made.firstKeyId);
  const { chunkWrap, manifest } = deriveContentKeys(contentKey);
  const builder = new ManifestBuilder(manifest, { account, content });
  const wrappedChunkKeys = new Map<string, Buffer>();
  let offset = 0;
  const blobs = made.chunks.map((plain, index) => {
    const key = SecretKey.random();
    const keyId = id(made.firstKeyId + 1 + index);
    const blob = sealChunk(key, { account, content, index, keyId }, plain);
    builder.add({ index, offset, length: plain.length, padded: plain.length, keyId, header: blob.subarray(0, 64) });
    wrappedChunkKeys.set(keyId, wrapKey(chunkWrap, key, chunkKeyContext(account, content, index, keyId, contentKeyId)));
    offset += plain.length;
    return blob;
  });
  const sha256 = createHash('sha256').update(Buffer.concat(made.chunks)).digest();
  const { header, pages, totalLength } = builder.finish(sha256);
  const fields: VersionFields = {
    account,
    file: made.file,
    version: made.version,
    content,
    size: totalLength,
    contentType: 'text/plain',
    modifiedAt: 1_700_000_000_000,
    createdAt: 1_700_000_000_001,
  };
  return {
    fields,
    version: sealVersion(tree, fields, sha256),
    contentKeyId,
    wrappedContentKey: wrapKey(contentWrap, contentKey, contentKeyContext(owner, content, contentKeyId)),
    manifestHeader: header,
    pages: pages.map((page) => page.sealed),
    wrappedChunkKeys,
    blobs,
  };
}

/** Reads it back by every rule of the format. */
export function readFile(owner: Account, stored: StoredFile): Buffer {
  const { account } = owner;
  const { content } = stored.fields;
  const { contentWrap, tree } = deriveAccountKeys(owner.accountKey);
  const sha256 = openVersion(tree, { ...stored.fields, account }, stored.version.mac, stored.version.sealedSha256);
  const contentKey = unwrapKey(
    contentWrap,
    stored.wrappedContentKey,
    contentKeyContext(owner, content, stored.contentKeyId),
  );
  const { chunkWrap, manifest } = deriveContentKeys(contentKey);
  const ids = { account, content };
  const header = openManifestHeader(manifest, ids, stored.manifestHeader);
  if (header.totalLength !== stored.fields.size || !header.sha256.equals(sha256)) throw new SealBroken();
  const plain: Buffer[] = [];
  for (let page = 0; page < header.pages; page += 1) {
    for (const entry of openManifestPage(manifest, ids, header, page, stored.pages[page] ?? Buffer.alloc(0))) {
      const context = { account, content, index: entry.index, keyId: entry.keyId };
      const place = chunkKeyContext(account, content, entry.index, entry.keyId, stored.contentKeyId);
      const key = unwrapKey(chunkWrap, stored.wrappedChunkKeys.get(entry.keyId) ?? Buffer.alloc(0), place);
      const opener = new ChunkOpener(key, context, entry.header, entry.length, entry.padded);
      plain.push(openChunk(opener, stored.blobs[entry.index] ?? Buffer.alloc(0), entry.padded));
    }
  }
  return Buffer.concat(plain);
}

function contentKeyContext(owner: Account, content: string, keyId: string): WrapContext {
  const { account, accountKeyId } = owner;
  return { purpose: 'content-key', account, content, chunk: null, keyId, wrapper: accountKeyId, epoch: 1 };
}

function chunkKeyContext(
  account: string,
  content: string,
  chunk: number,
  keyId: string,
  contentKeyId: string,
): WrapContext {
  return { purpose: 'chunk-key', account, content, chunk, keyId, wrapper: contentKeyId, epoch: 1 };
}
