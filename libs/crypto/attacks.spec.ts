import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ChunkOpener,
  ManifestBuilder,
  openManifestHeader,
  openManifestPage,
  openMarker,
  openVersion,
  ready,
  sealBytes,
  sealMarker,
  SecretKey,
  sealVersion,
  unwrapKey,
  wrapKey,
  type ChunkContext,
  type ManifestEntry,
  type VersionFields,
  type WrapContext,
  type WrapPurpose,
} from './index.js';
import { derive } from './derivation.js';
import { encodeEntries, encodeHeader, manifestAssociated, manifestPartKey } from './manifest-layout.js';
import {
  id,
  openChunk,
  readFile,
  sealChunk,
  storeFile,
  type Account,
  type NewFile,
  type StoredFile,
} from './testing/stored-file.js';
import { bitFlips, cuts, otherBytes, Tally, wrongOrders } from './testing/tally.js';

const tally = new Tally();
const CHUNKS = 7;

const mine: Account = { account: id(1), accountKeyId: id(2), accountKey: SecretKey.random() };
const theirs: Account = { account: id(3), accountKeyId: id(4), accountKey: SecretKey.random() };

/** Chunks of equal lengths, so that nothing but the seals tells them apart. */
const someChunks = (): Buffer[] => Array.from({ length: CHUNKS }, () => randomBytes(48));

let file: StoredFile;
let others: [string, StoredFile][];

beforeAll(() => ready);

beforeEach(() => {
  const plain = someChunks();
  file = storeFile(mine, { file: id(10), version: id(11), content: id(12), chunks: plain, firstKeyId: 100 });
  const madeElsewhere: [string, Omit<NewFile, 'chunks'>][] = [
    ['another file of the same account', { file: id(20), version: id(21), content: id(22), firstKeyId: 200 }],
    ['an older version of the file', { file: id(10), version: id(31), content: id(32), firstKeyId: 300 }],
    ['an abandoned attempt at the content', { file: id(10), version: id(11), content: id(12), firstKeyId: 100 }],
  ];
  others = madeElsewhere.map(([what, made]) => [what, storeFile(mine, { ...made, chunks: someChunks() })]);

  const foreign = { file: id(10), version: id(11), content: id(12), chunks: someChunks(), firstKeyId: 100 };
  others.push(['the same places in another account', storeFile(theirs, foreign)]);
  expect(readFile(mine, file).equals(Buffer.concat(plain))).toBe(true);
});

afterAll(() => {
  expect(tally.refused).toBeGreaterThan(20_000);
});

function refuseFile(forged: StoredFile, what: () => string): void {
  tally.expectRefused(() => readFile(mine, forged), what);
}

function replaced<Item>(list: Item[], at: number, item: Item): Item[] {
  return list.map((one, index) => (index === at ? item : one));
}

describe('a file of seven chunks is not served', () => {
  it('with its blobs in any other order', () => {
    for (const order of wrongOrders(CHUNKS)) {
      refuseFile({ ...file, blobs: order.map((from) => file.blobs[from] as Buffer) }, () => `order ${order.join()}`);
    }
  });

  it('with the other wrapped chunk keys around one in any other order, with or without their blobs', () => {
    const ids = [...file.wrappedChunkKeys.keys()];
    const wrapped = [...file.wrappedChunkKeys.values()];
    for (const order of wrongOrders(CHUNKS)) {
      if (order[2] !== 2) continue;
      const wrappedChunkKeys = new Map(ids.map((keyId, to) => [keyId, wrapped[order[to] as number] as Buffer]));
      const blobs = order.map((from) => file.blobs[from] as Buffer);
      refuseFile({ ...file, wrappedChunkKeys }, () => `keys in order ${order.join()}`);
      refuseFile({ ...file, wrappedChunkKeys, blobs }, () => `keys and blobs in order ${order.join()}`);
    }
  });

  it('with a blob missing, twice, or cut, whichever it is', () => {
    for (let at = 0; at < CHUNKS; at += 1) {
      refuseFile({ ...file, blobs: file.blobs.slice(0, at) }, () => `the first ${at} blobs`);
      refuseFile({ ...file, blobs: file.blobs.toSpliced(at, 1) }, () => `no blob ${at}`);
      const twice = replaced(file.blobs, at, file.blobs[(at + 1) % CHUNKS] as Buffer);
      refuseFile({ ...file, blobs: twice }, () => `blob ${at} replaced by its neighbour`);
      for (const [how, blob] of cuts(file.blobs[at] as Buffer)) {
        refuseFile({ ...file, blobs: replaced(file.blobs, at, blob) }, () => `${how} of blob ${at}`);
      }
    }
  });

  it('with anything in it exchanged for its like from elsewhere', () => {
    for (const [what, other] of others) {
      for (let at = 0; at < CHUNKS; at += 1) {
        const blobs = replaced(file.blobs, at, other.blobs[at] as Buffer);
        const wrapped = [...other.wrappedChunkKeys.values()][at] as Buffer;
        const wrappedChunkKeys = new Map(file.wrappedChunkKeys).set(
          [...file.wrappedChunkKeys.keys()][at] as string,
          wrapped,
        );
        refuseFile({ ...file, blobs }, () => `blob ${at} of ${what}`);
        refuseFile({ ...file, wrappedChunkKeys }, () => `chunk key ${at} of ${what}`);
        refuseFile({ ...file, blobs, wrappedChunkKeys }, () => `blob and chunk key ${at} of ${what}`);
      }
      const { blobs, wrappedChunkKeys, pages, manifestHeader, wrappedContentKey, version, contentKeyId } = other;
      refuseFile({ ...file, pages }, () => `the page of ${what}`);
      refuseFile({ ...file, manifestHeader }, () => `the manifest header of ${what}`);
      refuseFile({ ...file, manifestHeader, pages }, () => `the manifest of ${what}`);
      refuseFile({ ...file, wrappedContentKey, contentKeyId }, () => `the content key of ${what}`);
      refuseFile(
        { ...file, wrappedContentKey, manifestHeader, pages, wrappedChunkKeys, blobs },
        () => `the content of ${what}`,
      );
      refuseFile({ ...file, version }, () => `the version's seals of ${what}`);
      if (file.fields.version !== other.fields.version || file.fields.account !== other.fields.account) {
        refuseFile({ ...other, fields: file.fields }, () => `all but the version's fields of ${what}`);
      }

      refuseFile(
        { ...file, fields: { ...file.fields, content: other.fields.content }, version },
        () => `the content id of ${what}`,
      );
    }
  });

  it('to another account, whatever it is told', () => {
    tally.expectRefused(
      () => readFile(theirs, file),
      () => 'another account',
    );
    for (const owner of [
      { ...theirs, account: mine.account },
      { ...theirs, accountKey: mine.accountKey },
      { ...mine, accountKeyId: theirs.accountKeyId },
      { ...mine, account: theirs.account },
    ]) {
      tally.expectRefused(
        () => readFile(owner, file),
        () => `${owner.account} ${owner.accountKeyId}`,
      );
    }
  });
});

describe('a chunk does not open', () => {
  const context: ChunkContext = { account: id(1), content: id(2), index: 5, keyId: id(3) };
  const key = SecretKey.random();
  const plain = randomBytes(300);
  const blob = sealChunk(key, context, plain, 1024);
  const header = blob.subarray(0, 64);

  function open(
    forged: Partial<{
      key: SecretKey;
      context: ChunkContext;
      header: Buffer;
      blob: Buffer;
      length: number;
      padded: number;
    }>,
  ): Buffer {
    const all = { key, context, header, blob, length: plain.length, padded: 1024, ...forged };
    return openChunk(new ChunkOpener(all.key, all.context, all.header, all.length, all.padded), all.blob, all.padded);
  }

  it('(unless all is right)', () => expect(open({}).equals(plain)).toBe(true));

  it('with any bit of its blob changed', () => {
    for (const [what, forged] of bitFlips(blob))
      tally.expectRefused(
        () => open({ blob: forged }),
        () => what,
      );
  });

  it('with any bit of its frame changed, when its header is not looked at', () => {
    const opener = new ChunkOpener(key, context, header, plain.length, 1024);
    for (const [what, frame] of bitFlips(blob.subarray(64)))
      tally.expectRefused(
        () => opener.openFrame(0, frame),
        () => what,
      );
  });

  it('with its blob cut or continued anywhere', () => {
    for (const [what, forged] of cuts(blob))
      tally.expectRefused(
        () => open({ blob: forged }),
        () => what,
      );
    const opener = new ChunkOpener(key, context, header, plain.length, 1024);
    for (const [what, frame] of cuts(blob.subarray(64)))
      tally.expectRefused(
        () => opener.openFrame(0, frame),
        () => what,
      );
  });

  it('with any byte of the header set to any other value, in the manifest or in the blob', () => {
    for (const [what, forged] of otherBytes(header)) {
      tally.expectRefused(
        () => open({ header: forged, blob: Buffer.concat([forged, blob.subarray(64)]) }),
        () => what,
      );
      tally.expectRefused(
        () => open({ blob: Buffer.concat([forged, blob.subarray(64)]) }),
        () => `${what} in the blob`,
      );
    }
    for (const [what, forged] of cuts(header))
      tally.expectRefused(
        () => open({ header: forged }),
        () => what,
      );
  });

  it('one place beside its own, in any field of its context', () => {
    for (const index of [4, 6, 0, 2 ** 53 - 1, 2 ** 53, -1, 5.5, NaN]) {
      tally.expectRefused(
        () => open({ context: { ...context, index } }),
        () => `index ${index}`,
      );
    }
    for (const field of ['account', 'content', 'keyId'] as const) {
      for (const forged of idsNear(context[field])) {
        tally.expectRefused(
          () => open({ context: { ...context, [field]: forged } }),
          () => `${field} ${forged}`,
        );
      }
    }
    const { account, content, keyId } = context;
    for (const swapped of [
      { account: content, content: account },
      { content: keyId, keyId: content },
      { account: keyId, keyId: account },
    ]) {
      tally.expectRefused(
        () => open({ context: { ...context, ...swapped } }),
        () => 'ids swapped',
      );
    }
  });

  it('with other lengths', () => {
    for (const length of [299, 301, 0, 1, 1024, 1025, -1, 2 ** 53, 1.5]) {
      tally.expectRefused(
        () => open({ length }),
        () => `length ${length}`,
      );
    }
    for (const padded of [1023, 1025, 300, 299, 65_536, 65_537, 2 ** 26 + 1, 0]) {
      tally.expectRefused(
        () => open({ padded }),
        () => `padded ${padded}`,
      );
    }
  });

  it('with any bit of its key changed', () => {
    for (const [what, forged] of bitFlips(key.bytes())) {
      tally.expectRefused(
        () => open({ key: SecretKey.from(forged) }),
        () => `key ${what}`,
      );
    }
  });

  it('with its frames exchanged, or one of them taken for the last', () => {
    const long = sealChunk(key, context, randomBytes(3 * 65_536), 3 * 65_536);
    const frames = [0, 1, 2].map((frame) => long.subarray(64 + frame * 65_552, 64 + (frame + 1) * 65_552));
    const opener = new ChunkOpener(key, context, long.subarray(0, 64), 3 * 65_536, 3 * 65_536);
    for (let as = -1; as < 5; as += 1) {
      for (const [frame, sealed] of frames.entries()) {
        if (as === frame) expect(opener.openFrame(as, sealed)).toHaveLength(65_536);
        else
          tally.expectRefused(
            () => opener.openFrame(as, sealed),
            () => `frame ${frame} as ${as}`,
          );
      }
    }
    for (const shorter of [1, 2]) {
      const cut = new ChunkOpener(key, context, long.subarray(0, 64), shorter * 65_536, shorter * 65_536);
      tally.expectRefused(
        () => cut.openFrame(shorter - 1, frames[shorter - 1] as Buffer),
        () => `cut to ${shorter} frames`,
      );
    }
  });
});

describe('a wrapped key does not open', () => {
  const wrapper = SecretKey.random();
  const base: WrapContext = {
    purpose: 'chunk-key',
    account: id(1),
    content: id(2),
    chunk: 0,
    keyId: id(3),
    wrapper: id(4),
    epoch: 1,
  };

  it('with any bit changed, cut anywhere, or under a key that differs in one bit', () => {
    const wrapped = wrapKey(wrapper, SecretKey.random(), base);
    for (const [what, forged] of [...bitFlips(wrapped), ...cuts(wrapped)]) {
      tally.expectRefused(
        () => unwrapKey(wrapper, forged, base),
        () => what,
      );
    }
    for (const [what, forged] of bitFlips(wrapper.bytes())) {
      tally.expectRefused(
        () => unwrapKey(SecretKey.from(forged), wrapped, base),
        () => `wrapper ${what}`,
      );
    }
  });

  it('in any place but its own', () => {
    const none = { content: null, chunk: null };
    const contexts: WrapContext[] = [
      base,
      ...[1, 2, 255, 256, 2 ** 32, 2 ** 53 - 1].map((chunk) => ({ ...base, chunk })),
      ...(['account', 'content', 'keyId', 'wrapper'] as const).flatMap((field) =>
        idsNear(base[field] as string)
          .slice(0, 6)
          .map((near) => ({ ...base, [field]: near })),
      ),
      ...[0, 2, 2 ** 32].map((epoch) => ({ ...base, epoch })),
      { ...base, wrapper: null },
      { ...base, account: base.content, content: base.account },
      { ...base, keyId: id(4), wrapper: id(3) },
      { ...base, purpose: 'content-key', chunk: null },
      ...(['account-key', 'credential-key', 'totp-key', 'marker-key', 'backup-key'] satisfies WrapPurpose[]).map(
        (purpose) => ({
          ...base,
          ...none,
          purpose,
        }),
      ),
      ...(['credential-key', 'marker-key', 'backup-key'] satisfies WrapPurpose[]).map((purpose) => ({
        ...base,
        ...none,
        purpose,
        account: null,
      })),
    ];
    const wrapped = contexts.map((context) => wrapKey(wrapper, SecretKey.random(), context));
    for (const [from, key] of wrapped.entries()) {
      for (const [to, context] of contexts.entries()) {
        if (from === to) unwrapKey(wrapper, key, context);
        else
          tally.expectRefused(
            () => unwrapKey(wrapper, key, context),
            () => `${from} in the place of ${to}`,
          );
      }
    }
  });
});

describe('a manifest does not open', () => {
  const key = SecretKey.random();
  const ids = { account: id(1), content: id(2) };
  const built = (): { header: Buffer; page: Buffer } => {
    const builder = new ManifestBuilder(key, ids);
    for (const entry of entries()) builder.add(entry);
    const { header, pages } = builder.finish(Buffer.alloc(32, 9));
    return { header, page: pages[0]?.sealed as Buffer };
  };

  function entries(): ManifestEntry[] {
    return Array.from({ length: CHUNKS }, (_, index) => ({
      index,
      offset: index * 10,
      length: 10,
      padded: 10,
      keyId: id(50 + index),
      header: Buffer.alloc(64, index),
    }));
  }

  it('with any bit of its header or page changed, or cut anywhere', () => {
    const { header, page } = built();
    const opened = openManifestHeader(key, ids, header);
    expect(openManifestPage(key, ids, opened, 0, page)).toEqual(entries());
    for (const [what, forged] of [...bitFlips(header), ...cuts(header)]) {
      tally.expectRefused(
        () => openManifestHeader(key, ids, forged),
        () => `header: ${what}`,
      );
    }
    for (const [what, forged] of [...bitFlips(page), ...cuts(page)]) {
      tally.expectRefused(
        () => openManifestPage(key, ids, opened, 0, forged),
        () => `page: ${what}`,
      );
    }
  });

  it('with any byte of its id, its commitment or its nonce set to any other value', () => {
    const { header } = built();
    for (const [what, forged] of otherBytes(header.subarray(0, 88))) {
      tally.expectRefused(
        () => openManifestHeader(key, ids, Buffer.concat([forged, header.subarray(88)])),
        () => what,
      );
    }
  });

  it('for another account or content, or beside the header of another attempt', () => {
    const { header, page } = built();
    const opened = openManifestHeader(key, ids, header);
    for (const field of ['account', 'content'] as const) {
      for (const near of idsNear(ids[field])) {
        tally.expectRefused(
          () => openManifestHeader(key, { ...ids, [field]: near }, header),
          () => `${field} ${near}`,
        );
        tally.expectRefused(
          () => openManifestPage(key, { ...ids, [field]: near }, opened, 0, page),
          () => `${field} ${near}`,
        );
      }
    }
    const again = openManifestHeader(key, ids, built().header);
    tally.expectRefused(
      () => openManifestPage(key, ids, again, 0, page),
      () => 'the page of another attempt',
    );
  });

  it('with its pages exchanged, missing, or a page taken for the last', () => {
    const many = new ManifestBuilder(key, ids);
    const pages = [];
    for (let index = 0; index < 3 * 1024; index += 1) {
      const page = many.add({
        index,
        offset: index,
        length: 1,
        padded: 1,
        keyId: id(1 + index),
        header: Buffer.alloc(64),
      });
      if (page) pages.push(page.sealed);
    }
    const { header: sealed, pages: rest } = many.finish(Buffer.alloc(32));
    pages.push(...rest.map((page) => page.sealed));
    const header = openManifestHeader(key, ids, sealed);
    for (const [from, page] of pages.entries()) {
      for (const to of [-1, 0, 1, 2, 3, 0.5]) {
        if (from !== to)
          tally.expectRefused(
            () => openManifestPage(key, ids, header, to, page),
            () => `page ${from} as ${to}`,
          );
      }
      const shorter = { ...header, pages: from + 1, chunks: (from + 1) * 1024, totalLength: (from + 1) * 1024 };
      if (from < 2)
        tally.expectRefused(
          () => openManifestPage(key, ids, shorter, from, page),
          () => `page ${from} as the last`,
        );
    }
  });

  it.each([
    ['format 2', (plain: Buffer) => plain.writeUInt16BE(2, 0)],
    ['format 0', (plain: Buffer) => plain.writeUInt16BE(0, 0)],
    ['suite 2', (plain: Buffer) => plain.writeUInt16BE(2, 2)],
    ['suite 0', (plain: Buffer) => plain.writeUInt16BE(0, 2)],
    ['an unsafe length', (plain: Buffer) => plain.writeBigUInt64BE(2n ** 53n, 4)],
    ['chunks and no length', (plain: Buffer) => plain.writeBigUInt64BE(0n, 4)],
    ['length and no chunk', (plain: Buffer) => plain.fill(0, 12, 28)],
    ['more chunks than bytes', (plain: Buffer) => plain.writeBigUInt64BE(71n, 12)],
    ['a page too many', (plain: Buffer) => plain.writeBigUInt64BE(2n, 20)],
    ['a page too few', (plain: Buffer) => plain.writeBigUInt64BE(0n, 20)],
  ])('with %s in it, even sealed with the right key', (what, forge) => {
    const plain = encodeHeader({ totalLength: 70, chunks: CHUNKS, pages: 1, sha256: Buffer.alloc(32) });
    const seal = (): Buffer => {
      const associated = manifestAssociated(ids, { part: 'header' });
      const manifestId = randomBytes(32);
      const sealed = sealBytes(manifestPartKey(key, manifestId, 'header', associated), plain, associated);
      return Buffer.concat([manifestId, derive(key, 'manifest/commitment', manifestId, associated), sealed]);
    };
    expect(openManifestHeader(key, ids, seal())).toMatchObject({ chunks: CHUNKS });
    forge(plain);
    tally.expectRefused(
      () => openManifestHeader(key, ids, seal()),
      () => what,
    );
  });

  it.each<[string, number, Partial<ManifestEntry>]>([
    ['a gap', 3, { offset: 31 }],
    ['an overlap', 3, { offset: 29 }],
    ["a beginning that is not the file's", 0, { offset: 1 }],
    ['an index twice', 3, { index: 2 }],
    ['an index left out', 3, { index: 4 }],
    ["an end before the file's", 6, { length: 9 }],
    ["an end beyond the file's", 6, { length: 11, padded: 11 }],
    ['an empty chunk', 3, { length: 0 }],
    ['padding to less', 3, { padded: 9 }],
    ['a chunk beyond every bound', 3, { padded: 2 ** 26 + 1 }],
  ])('with %s in a page, even sealed with the right key', (what, at, forged) => {
    const header = { totalLength: 70, chunks: CHUNKS, pages: 1, sha256: Buffer.alloc(32), id: randomBytes(32) };
    const associated = manifestAssociated(ids, { part: 'page', page: 0, last: true });
    const list = replaced(entries(), at, { ...(entries()[at] as ManifestEntry), ...forged });
    const sealed = sealBytes(manifestPartKey(key, header.id, 'page', associated), encodeEntries(list), associated);
    tally.expectRefused(
      () => openManifestPage(key, ids, header, 0, sealed),
      () => what,
    );
  });

  it("with all its chunks moved on by a byte, so that nothing begins at the file's beginning", () => {
    const header = { totalLength: 71, chunks: CHUNKS, pages: 1, sha256: Buffer.alloc(32), id: randomBytes(32) };
    const associated = manifestAssociated(ids, { part: 'page', page: 0, last: true });
    const moved = entries().map((entry) => ({ ...entry, offset: entry.offset + 1 }));
    const sealed = sealBytes(manifestPartKey(key, header.id, 'page', associated), encodeEntries(moved), associated);
    tally.expectRefused(
      () => openManifestPage(key, ids, header, 0, sealed),
      () => 'moved chunks',
    );
  });
});

describe('a version row does not open', () => {
  const tree = SecretKey.random();
  const fields: VersionFields = {
    account: id(1),
    file: id(2),
    version: id(3),
    content: id(4),
    size: 1000,
    contentType: 'text/plain',
    modifiedAt: 1_700_000_000_000,
    createdAt: 1_700_000_000_000,
  };
  let row: { mac: Buffer; sealedSha256: Buffer };

  beforeEach(() => {
    row = sealVersion(tree, fields, Buffer.alloc(32, 5));
  });

  it('with any bit of its seals changed, or cut anywhere', () => {
    for (const [what, mac] of [...bitFlips(row.mac), ...cuts(row.mac)]) {
      tally.expectRefused(
        () => openVersion(tree, fields, mac, row.sealedSha256),
        () => `mac: ${what}`,
      );
    }
    for (const [what, sealed] of [...bitFlips(row.sealedSha256), ...cuts(row.sealedSha256)]) {
      tally.expectRefused(
        () => openVersion(tree, fields, row.mac, sealed),
        () => `digest: ${what}`,
      );
    }
  });

  it('with any of its fields changed', () => {
    const near = (value: number): number[] => [value - 1, value + 1, 0, -value, value * 2, 2 ** 53, value + 0.5];
    const forged: Partial<VersionFields>[] = [
      ...(['account', 'file', 'version', 'content'] as const).flatMap((field) =>
        idsNear(fields[field]).map((one) => ({ [field]: one })),
      ),
      ...(['size', 'modifiedAt', 'createdAt'] as const).flatMap((field) =>
        near(fields[field]).map((one) => ({ [field]: one })),
      ),
      ...['', 'text/html', 'text/plain ', 'Text/plain', 'text/plai', 'text/plain\0'].map((contentType) => ({
        contentType,
      })),
      { account: fields.file, file: fields.account },
      { file: fields.version, version: fields.file },
      { version: fields.content, content: fields.version },
      { size: fields.modifiedAt, modifiedAt: fields.size },
    ];
    for (const change of forged) {
      tally.expectRefused(
        () => openVersion(tree, { ...fields, ...change }, row.mac, row.sealedSha256),
        () => JSON.stringify(change),
      );
    }
  });

  it('with its times swapped, which no single field would show', () => {
    const earlier = { ...fields, modifiedAt: 1, createdAt: 2 };
    const sealed = sealVersion(tree, earlier, Buffer.alloc(32));
    const swapped = { ...fields, modifiedAt: 2, createdAt: 1 };
    tally.expectRefused(
      () => openVersion(tree, swapped, sealed.mac, sealed.sealedSha256),
      () => 'times swapped',
    );
  });

  it('under another tree key', () => {
    for (const [what, forged] of bitFlips(tree.bytes())) {
      tally.expectRefused(
        () => openVersion(SecretKey.from(forged), fields, row.mac, row.sealedSha256),
        () => what,
      );
    }
  });
});

describe('a marker does not open', () => {
  it('with any bit changed, or cut anywhere', () => {
    const key = SecretKey.random();
    const sealed = sealMarker(key, { gateway: id(1), connection: id(2), sequence: 3 });
    for (const [what, forged] of [...bitFlips(sealed), ...cuts(sealed)]) {
      tally.expectRefused(
        () => openMarker(key, forged),
        () => what,
      );
    }
  });
});

/** The ids that differ in one bit, those one above and below, and none. */
function idsNear(uuid: string): string[] {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  const spell = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const beside = [1n, -1n].map((step) => (BigInt(`0x${bytes.toString('hex')}`) + step).toString(16).padStart(32, '0'));
  const flipped = [...bitFlips(bytes)].map(([, forged]) => forged.toString('hex'));
  return [...new Set([...beside, ...flipped, '0'.repeat(32)])].map(spell);
}
