import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  backupHeadName,
  ChunkOpener,
  deriveAccountKeys,
  deriveContentKeys,
  deriveRootKeys,
  fieldContext,
  ManifestBuilder,
  openBackupHead,
  openBytes,
  openManifestHeader,
  openManifestPage,
  openMarker,
  openVersion,
  ready,
  SecretKey,
  unwrapKey,
} from '../index.js';
import { readContent, readCredential, readManifest, readMarker, type VectorContent } from '../testing/second-reader.js';
import { type HeadVectors, readBackupHead } from '../testing/second-reader-of-heads.js';
import { id, openChunk } from '../testing/stored-file.js';
import { makeVectors, vectorPlaintext } from './make-format-1.js';

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'format-1.json'), 'utf8')) as HeadVectors;
const raw = (base64: string): Buffer => Buffer.from(base64, 'base64');

beforeAll(() => ready);

/** Our own reader over the vectors. */
function readByUs(stored: VectorContent): Buffer {
  const { rootKey, accountKey } = vectors;
  const { account } = accountKey;
  const { content } = stored.version;
  const { accountWrap } = deriveRootKeys(SecretKey.from(raw(rootKey.key)));
  const nowhere = { content: null, chunk: null };
  const opened = unwrapKey(accountWrap, raw(accountKey.wrapped), {
    purpose: 'account-key',
    account,
    ...nowhere,
    keyId: accountKey.id,
    wrapper: null,
    epoch: rootKey.epoch,
  });
  const { contentWrap, tree } = deriveAccountKeys(opened);
  const sha256 = openVersion(tree, stored.version, raw(stored.version.mac), raw(stored.version.sealedSha256));
  const { contentKey } = stored;
  const ofContent = { account, content, chunk: null, keyId: contentKey.id, wrapper: accountKey.id };
  const key = unwrapKey(contentWrap, raw(contentKey.wrapped), {
    purpose: 'content-key',
    ...ofContent,
    epoch: accountKey.epoch,
  });
  const { chunkWrap, manifest } = deriveContentKeys(key);
  const ids = { account, content };
  const header = openManifestHeader(manifest, ids, raw(stored.manifest.header));
  expect(header.sha256).toEqual(sha256);
  const pages = stored.manifest.pages.map((page, at) => openManifestPage(manifest, ids, header, at, raw(page)));
  const plain = pages.flat().map(({ index, keyId, header: chunkHeader, length, padded }) => {
    const chunk = stored.chunks[index] as VectorContent['chunks'][0];
    const place = { ...ids, chunk: index, keyId, wrapper: contentKey.id, epoch: contentKey.epoch };
    const chunkKey = unwrapKey(chunkWrap, raw(chunk.wrapped), { purpose: 'chunk-key', ...place });
    const opener = new ChunkOpener(chunkKey, { ...ids, index, keyId }, chunkHeader, length, padded);
    return openChunk(opener, raw(chunk.sealed), padded);
  });
  return Buffer.concat(plain);
}

describe('the vectors of format 1', () => {
  it('are what the library writes, to the byte', () => {
    expect(JSON.stringify(makeVectors())).toBe(JSON.stringify(vectors));
  });

  it.each([
    ['our reader', readByUs],
    ['a second reader, written from the document', (stored: VectorContent) => readContent(vectors, stored)],
  ])('open with %s', (_, read) => {
    expect(read(vectors.file).equals(vectorPlaintext())).toBe(true);
    expect(createHash('sha256').update(vectorPlaintext()).digest('base64')).toBe(vectors.file.version.sha256);
    expect(read(vectors.emptyFile)).toHaveLength(0);
  });

  it('hold a credential that both readers open alike', () => {
    const { credential, rootKey } = vectors;
    const { credentialWrap, fingerprint } = deriveRootKeys(SecretKey.from(raw(rootKey.key)));
    const place = { account: null, content: null, chunk: null, keyId: credential.keyId, wrapper: null };
    const key = unwrapKey(credentialWrap, raw(credential.wrapped), {
      purpose: 'credential-key',
      ...place,
      epoch: rootKey.epoch,
    });
    const { connection: subject, keyId } = credential;
    const associated = fieldContext({ field: 'credential', account: null, subject, keyId });
    expect(openBytes(key, raw(credential.sealed), associated)).toEqual(raw(credential.secret));
    expect(readCredential(vectors)).toEqual(raw(credential.secret));
    expect(fingerprint).toEqual(raw(rootKey.fingerprint));
  });

  it('hold a marker that both readers open alike', () => {
    const { sealed, ...marker } = vectors.marker;
    const { markerSeal } = deriveRootKeys(SecretKey.from(raw(vectors.rootKey.key)));
    expect(openMarker(markerSeal, raw(sealed))).toEqual(marker);
    const [gateway, connection] = [marker.gateway, marker.connection].map((one) => one.replaceAll('-', ''));
    const sequence = marker.sequence.toString(16).padStart(16, '0');
    expect(readMarker(vectors).toString('hex')).toBe(`${gateway}${connection}${sequence}`);
  });

  it('hold the head of a backup on a connection that both readers find and open alike', () => {
    const { name, head, sealed } = vectors.backupHead;
    const root = deriveRootKeys(SecretKey.from(raw(vectors.rootKey.key)));
    expect(backupHeadName(root, 'abcdefghijklmnopqrstuvwxyz')).toBe(name);
    expect(JSON.parse(openBackupHead(root, raw(sealed)))).toEqual(head);
    expect(readBackupHead(vectors)).toEqual({ name, head });
  });
});

describe('the second reader', () => {
  it.each([1, 1024, 1025, 2500])('reads a manifest of %i chunks', (count) => {
    const key = SecretKey.random();
    const ids = { account: id(1), content: id(2) };
    const builder = new ManifestBuilder(key, ids);
    const sha256 = randomBytes(32);
    const pages: Buffer[] = [];
    for (let index = 0; index < count; index += 1) {
      const entry = { index, offset: index * 3, length: 3, padded: 4, keyId: id(10 + index), header: randomBytes(64) };
      const full = builder.add(entry);
      if (full) pages.push(full.sealed);
    }
    const { header, pages: rest } = builder.finish(sha256);
    const read = readManifest(key.bytes(), ids, { header, pages: [...pages, ...rest.map((page) => page.sealed)] });
    expect(read.sha256).toEqual(sha256);
    expect(read.entries).toHaveLength(count);
    expect(read.totalLength).toBe(count * 3);
  });

  it('refuses what was changed, too', () => {
    const forged = structuredClone(vectors);
    const [chunk] = forged.file.chunks as [VectorContent['chunks'][0]];
    const blob = raw(chunk.sealed);
    blob[5000] = (blob[5000] ?? 0) ^ 1;
    chunk.sealed = blob.toString('base64');
    expect(() => readContent(forged, forged.file)).toThrow();
    const older = structuredClone(vectors);
    older.file.version.size -= 1;
    expect(() => readContent(older, older.file)).toThrow('version MAC');
  });
});
