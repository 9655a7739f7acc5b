import { createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import sodium from 'libsodium-wrappers';

/*
 * A second reader, written from docs/format.md and nothing else: it shares no line with the
 * library. If the two disagree, one of them, or the document, is wrong.
 */

export interface VectorContent {
  contentKey: { id: string; epoch: number; wrapped: string };
  manifest: { header: string; pages: string[] };
  chunks: { keyId: string; wrapped: string; sealed: string }[];
  version: Record<
    'account' | 'file' | 'version' | 'content' | 'contentType' | 'sha256' | 'mac' | 'sealedSha256',
    string
  > &
    Record<'size' | 'modifiedAt' | 'createdAt', number>;
}

export interface Vectors {
  rootKey: { epoch: number; key: string; fingerprint: string };
  accountKey: { account: string; id: string; epoch: number; wrapped: string };
  file: VectorContent;
  emptyFile: VectorContent;
  credential: { account: null; connection: string; keyId: string; wrapped: string; sealed: string; secret: string };
  marker: { gateway: string; connection: string; sequence: number; sealed: string };
}

export const START = Buffer.from('00010001', 'hex');
const NO_ID = Buffer.alloc(16);
const NO_CHUNK = Buffer.alloc(8, 0xff);
const FRAME = 65_536;
const PAGE = 1024;
const raw = (base64: string): Buffer => Buffer.from(base64, 'base64');
const idBytes = (id: string | null): Buffer => (id === null ? NO_ID : Buffer.from(id.replaceAll('-', ''), 'hex'));

function wide(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`second reader: ${what}`);
}

const NOTHING: Buffer = Buffer.alloc(0);

export function derive(key: Buffer, label: string, salt = NOTHING, context = NOTHING): Buffer {
  const padded = Buffer.from(label.padEnd(24, '\0'), 'ascii');
  const info = Buffer.concat([Buffer.from([0, 1]), padded, createHash('sha256').update(context).digest()]);
  return Buffer.from(hkdfSync('sha512', key, salt, info, 32));
}

export function unseal(key: Buffer, sealed: Buffer, associated: Buffer): Buffer {
  must(sealed.length >= 40, 'sealed bytes too short');
  const open = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt;
  return Buffer.from(open(null, sealed.subarray(24), associated, sealed.subarray(0, 24), key));
}

interface Place {
  purpose: number;
  account: string | null;
  content?: string;
  chunk?: number;
  keyId: string;
  wrapper: string | null;
  epoch: number;
}

function unwrap(wrapper: Buffer, wrapped: Buffer, place: Place): Buffer {
  must(wrapped.length === 72, 'wrapped key of another length');
  const { account, content, chunk, keyId } = place;
  const context = Buffer.concat([
    START,
    Buffer.from([place.purpose]),
    idBytes(account),
    idBytes(content ?? null),
    chunk === undefined ? NO_CHUNK : wide(chunk),
    idBytes(keyId),
    idBytes(place.wrapper),
    wide(place.epoch),
  ]);
  must(context.length === 85, 'context of another length');
  return unseal(wrapper, wrapped, context);
}

function openFrames(
  chunkKey: Buffer,
  header: Buffer,
  context: Buffer,
  blob: Buffer,
  length: number,
  padded: number,
): Buffer {
  must(context.length === 60 && header.length === 64 && length >= 1 && length <= padded, 'impossible chunk');
  const messageId = header.subarray(0, 32);
  const commitment = derive(chunkKey, 'chunk/commitment', messageId, context);
  must(commitment.equals(header.subarray(32)), 'commitment');
  must(blob.subarray(0, 64).equals(header), 'header of the blob');
  const frameKey = derive(chunkKey, 'chunk/frames', messageId, context);
  const frames = Math.ceil(padded / FRAME);
  must(blob.length === 64 + padded + 16 * frames, 'length of the blob');
  const plain: Buffer[] = [];
  for (let frame = 0; frame < frames; frame += 1) {
    const last = frame === frames - 1;
    const nonce = Buffer.concat([Buffer.alloc(3), wide(frame), Buffer.from([last ? 1 : 0])]);
    const at = 64 + frame * 65_552;
    const end = at + (last ? padded - frame * FRAME : FRAME);
    const decipher = createDecipheriv('aes-256-gcm', frameKey, nonce, { authTagLength: 16 });
    decipher.setAAD(last ? wide(length) : Buffer.alloc(0));
    decipher.setAuthTag(blob.subarray(end, end + 16));
    plain.push(decipher.update(blob.subarray(at, end)), decipher.final());
  }
  return Buffer.concat(plain).subarray(0, length);
}

export interface ReadEntry {
  index: number;
  offset: number;
  length: number;
  padded: number;
  keyId: Buffer;
  header: Buffer;
}

export interface ReadManifest {
  totalLength: number;
  sha256: Buffer;
  entries: ReadEntry[];
}

export function readManifest(
  manifestKey: Buffer,
  ids: { account: string; content: string },
  sealed: { header: Buffer; pages: Buffer[] },
): ReadManifest {
  const associated = (part: number, page: number, last: number): Buffer =>
    Buffer.concat([
      START,
      idBytes(ids.account),
      idBytes(ids.content),
      Buffer.from([part]),
      wide(page),
      Buffer.from([last]),
    ]);
  must(sealed.header.length === 164, 'length of the manifest header');
  const manifestId = sealed.header.subarray(0, 32);
  const ofHeader = associated(1, 0, 0);
  must(
    derive(manifestKey, 'manifest/commitment', manifestId, ofHeader).equals(sealed.header.subarray(32, 64)),
    'commitment',
  );
  const headerKey = derive(manifestKey, 'manifest/header', manifestId, ofHeader);
  const plain = unseal(headerKey, sealed.header.subarray(64), ofHeader);
  must(plain.length === 60 && plain.subarray(0, 4).equals(START), 'manifest header');
  const [totalLength, chunks, pages] = [4, 12, 20].map((at) => Number(plain.readBigUInt64BE(at))) as [
    number,
    number,
    number,
  ];
  must((chunks === 0) === (totalLength === 0) && chunks <= totalLength, 'chunks and length');
  must(pages === Math.ceil(chunks / PAGE) && pages === sealed.pages.length, 'pages');
  const entries: ReadEntry[] = [];
  for (const [page, bytes] of sealed.pages.entries()) {
    const ofPage = associated(2, page, page === pages - 1 ? 1 : 0);
    const opened = unseal(derive(manifestKey, 'manifest/page', manifestId, ofPage), bytes, ofPage);
    must(opened.length === 104 * Math.min(PAGE, chunks - page * PAGE), 'length of a page');
    for (let at = 0; at < opened.length; at += 104) entries.push(readEntry(opened.subarray(at, at + 104)));
  }
  let offset = 0;
  for (const [index, entry] of entries.entries()) {
    must(entry.index === index && entry.offset === offset, 'order of the chunks');
    offset += entry.length;
  }
  must(offset === totalLength, 'end of the chunks');
  return { totalLength, sha256: plain.subarray(28), entries };
}

function readEntry(bytes: Buffer): ReadEntry {
  return {
    index: Number(bytes.readBigUInt64BE(0)),
    offset: Number(bytes.readBigUInt64BE(8)),
    length: bytes.readUInt32BE(16),
    padded: bytes.readUInt32BE(20),
    keyId: bytes.subarray(24, 40),
    header: bytes.subarray(40, 104),
  };
}

function readVersion(tree: Buffer, { version }: VectorContent): Buffer {
  const fields = Buffer.concat([
    START,
    ...[version.account, version.file, version.version, version.content].map(idBytes),
    wide(version.size),
    createHash('sha256').update(version.contentType).digest(),
    wide(version.modifiedAt),
    wide(version.createdAt),
  ]);
  const sealed = raw(version.sealedSha256);
  const mac = createHmac('sha256', derive(tree, 'version/mac'))
    .update(Buffer.concat([fields, sealed]))
    .digest();
  must(fields.length === 124 && sealed.length === 72 && mac.equals(raw(version.mac)), 'version MAC');
  return unseal(derive(tree, 'version/digest', Buffer.alloc(0), fields), sealed, fields);
}

/** The whole way from the root key to the plaintext. */
export function readContent(vectors: Vectors, stored: VectorContent): Buffer {
  const { rootKey, accountKey } = vectors;
  const { account, content } = { account: accountKey.account, content: stored.version.content };
  const accountWrap = derive(raw(rootKey.key), 'root/account-wrap');
  const ofAccountKey = { purpose: 1, account, keyId: accountKey.id, wrapper: null, epoch: rootKey.epoch };
  const opened = unwrap(accountWrap, raw(accountKey.wrapped), ofAccountKey);
  const sha256 = readVersion(derive(opened, 'account/tree'), stored);
  const ofContentKey = { purpose: 2, account, content, keyId: stored.contentKey.id, wrapper: accountKey.id };
  const contentKey = unwrap(derive(opened, 'account/content-wrap'), raw(stored.contentKey.wrapped), {
    ...ofContentKey,
    epoch: accountKey.epoch,
  });
  const sealed = { header: raw(stored.manifest.header), pages: stored.manifest.pages.map(raw) };
  const manifest = readManifest(derive(contentKey, 'content/manifest'), { account, content }, sealed);
  must(manifest.totalLength === stored.version.size && manifest.sha256.equals(sha256), 'version and manifest');
  const chunkWrap = derive(contentKey, 'content/chunk-wrap');
  const plain = manifest.entries.map((entry) => {
    const chunk = stored.chunks[entry.index] as VectorContent['chunks'][0];
    must(entry.keyId.equals(idBytes(chunk.keyId)), 'key id');
    const ofChunkKey = { purpose: 3, account, content, chunk: entry.index, keyId: chunk.keyId };
    const wrapper = { wrapper: stored.contentKey.id, epoch: stored.contentKey.epoch };
    const key = unwrap(chunkWrap, raw(chunk.wrapped), { ...ofChunkKey, ...wrapper });
    const context = Buffer.concat([START, idBytes(account), idBytes(content), wide(entry.index), entry.keyId]);
    return openFrames(key, entry.header, context, raw(chunk.sealed), entry.length, entry.padded);
  });
  const all = Buffer.concat(plain);
  must(createHash('sha256').update(all).digest().equals(sha256), 'digest');
  return all;
}

export function readCredential({ rootKey, credential }: Vectors): Buffer {
  const { connection, keyId } = credential;
  const place = { purpose: 4, account: null, keyId, wrapper: null, epoch: rootKey.epoch };
  const key = unwrap(derive(raw(rootKey.key), 'root/credential-wrap'), raw(credential.wrapped), place);
  const associated = Buffer.concat([START, Buffer.from([1]), NO_ID, idBytes(connection), idBytes(keyId)]);
  must(associated.length === 53, 'associated data of another length');
  return unseal(key, raw(credential.sealed), associated);
}

export function readMarker({ rootKey, marker }: Vectors): Buffer {
  return unseal(derive(raw(rootKey.key), 'root/marker-seal'), raw(marker.sealed), START);
}
