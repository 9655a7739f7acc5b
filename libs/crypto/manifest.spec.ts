import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  chunksCovering,
  ManifestBuilder,
  openManifestHeader,
  openManifestPage,
  ready,
  SealBroken,
  SecretKey,
  type ManifestEntry,
  type SealedPage,
} from './index.js';
import { id } from './testing/stored-file.js';

const ids = { account: id(1), content: id(2) };
const sha256 = randomBytes(32);

beforeAll(() => ready);

function entries(count: number): ManifestEntry[] {
  let offset = 0;
  return Array.from({ length: count }, (_, index) => {
    const length = 1 + (index % 5);
    const entry = { index, offset, length, padded: length + 7, keyId: id(100 + index), header: randomBytes(64) };
    offset += length;
    return entry;
  });
}

function build(key: SecretKey, all: ManifestEntry[]): { header: Buffer; pages: SealedPage[]; totalLength: number } {
  const builder = new ManifestBuilder(key, ids);
  const early = all.map((entry) => builder.add(entry)).filter((page) => page !== null);
  const { header, pages, totalLength } = builder.finish(sha256);
  return { header, pages: [...early, ...pages], totalLength };
}

describe('a manifest', () => {
  it.each([0, 1, 2, 1023, 1024, 1025, 2048, 2049, 3000])('of %i chunks gives them back, page by page', (count) => {
    const key = SecretKey.random();
    const all = entries(count);
    const built = build(key, all);
    const header = openManifestHeader(key, ids, built.header);
    expect(header).toMatchObject({
      chunks: count,
      pages: Math.ceil(count / 1024),
      sha256,
      totalLength: built.totalLength,
    });
    expect(built.pages.map((page) => page.page)).toEqual(built.pages.map((_, at) => at));
    const opened = built.pages.flatMap((page) => {
      const onPage = openManifestPage(key, ids, header, page.page, page.sealed);
      expect(onPage[0]?.offset).toBe(page.startOffset);
      return onPage;
    });
    expect(opened).toEqual(all);
  });

  it('hands out a page as soon as the next chunk shows that it is not the last', () => {
    const builder = new ManifestBuilder(SecretKey.random(), ids);
    const all = entries(1025);
    const handed = all.map((entry) => builder.add(entry));
    expect(handed.slice(0, 1024).every((page) => page === null)).toBe(true);
    expect(handed[1024]).toMatchObject({ page: 0, startOffset: 0 });
  });

  it('is a header alone for an empty file', () => {
    const key = SecretKey.random();
    const { header, pages } = build(key, []);
    expect(pages).toEqual([]);
    expect(openManifestHeader(key, ids, header)).toMatchObject({ totalLength: 0, chunks: 0, pages: 0 });
    expect(() => openManifestPage(key, ids, openManifestHeader(key, ids, header), 0, Buffer.alloc(40))).toThrow(
      SealBroken,
    );
  });

  it.each([
    ['a gap', { offset: 1 }],
    ['another index', { index: 1 }],
    ['no length', { length: 0 }],
    ['less padded than long', { padded: 0 }],
    ['a header of another length', { header: Buffer.alloc(63) }],
    ['a key id that is none', { keyId: 'x' }],
  ])('does not take a chunk with %s', (_, wrong) => {
    const builder = new ManifestBuilder(SecretKey.random(), ids);
    const [entry] = entries(1);
    expect(() => {
      builder.add({ ...(entry as ManifestEntry), ...wrong });
      builder.finish(sha256);
    }).toThrow(RangeError);
  });

  it('takes nothing more once it is finished', () => {
    const builder = new ManifestBuilder(SecretKey.random(), ids);
    builder.finish(sha256);
    expect(() => builder.finish(sha256)).toThrow('finished');
    expect(() => builder.add(entries(1)[0] as ManifestEntry)).toThrow('finished');
  });

  it('finds the chunks of a range, and calls a page broken that does not hold it', () => {
    const all = entries(10);
    expect(chunksCovering(all, 0, 1).map((entry) => entry.index)).toEqual([0]);
    expect(chunksCovering(all, 2, 2).map((entry) => entry.index)).toEqual([1, 2]);
    expect(chunksCovering(all, 0, 30).map((entry) => entry.index)).toEqual(all.map((entry) => entry.index));
    expect(() => chunksCovering(all.slice(2), 0, 9)).toThrow(SealBroken);
    expect(() => chunksCovering(all, 30, 1)).toThrow(SealBroken);
  });
});
