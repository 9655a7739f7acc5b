import { beforeAll, describe, expect, it } from 'vitest';
import {
  deriveAccountKeys,
  deriveContentKeys,
  deriveRootKeys,
  fieldContext,
  openBytes,
  openMarker,
  openVersion,
  ready,
  sealBytes,
  SealBroken,
  sealMarker,
  sealVersion,
  SecretKey,
  unwrapKey,
  wrapKey,
  type VersionFields,
  type WrapContext,
} from './index.js';
import { id } from './testing/stored-file.js';

beforeAll(() => ready);

const fields: VersionFields = {
  account: id(1),
  file: id(2),
  version: id(3),
  content: id(4),
  size: 5,
  contentType: 'text/plain; charset=utf-8',
  modifiedAt: -1,
  createdAt: 1_700_000_000_000,
};

describe('wrapping', () => {
  const context: WrapContext = {
    purpose: 'chunk-key',
    account: id(1),
    content: id(2),
    chunk: 0,
    keyId: id(3),
    wrapper: id(4),
    epoch: 1,
  };

  it('gives the key back in 72 bytes that differ each time', () => {
    const [wrapper, key] = [SecretKey.random(), SecretKey.random()];
    const wrapped = wrapKey(wrapper, key, context);
    expect(wrapped).toHaveLength(72);
    expect(wrapped).not.toEqual(wrapKey(wrapper, key, context));
    expect(unwrapKey(wrapper, wrapped, context).bytes()).toEqual(key.bytes());
  });

  it.each<[string, Partial<WrapContext>]>([
    ['a chunk key without a chunk', { chunk: null }],
    ['a chunk key without a content', { content: null }],
    ['a chunk key of nobody', { account: null }],
    ['a content key with a chunk', { purpose: 'content-key' }],
    ['an account key with a content', { purpose: 'account-key', chunk: null }],
    ['a TOTP key of nobody', { purpose: 'totp-key', account: null, content: null, chunk: null }],
    ['the nil id', { keyId: '00000000-0000-0000-0000-000000000000' }],
    ['a negative epoch', { epoch: -1 }],
  ])('does not know %s', (_, wrong) => {
    const [wrapper, key] = [SecretKey.random(), SecretKey.random()];
    expect(() => wrapKey(wrapper, key, { ...context, ...wrong })).toThrow(RangeError);
    expect(() => unwrapKey(wrapper, Buffer.alloc(72), { ...context, ...wrong })).toThrow(SealBroken);
  });
});

describe('derived keys', () => {
  it('differ by purpose and by the key above, and come out the same each time', () => {
    const [one, other] = [SecretKey.random(), SecretKey.random()];
    const all = [one, other].flatMap((key) => {
      const { fingerprint, ...root } = deriveRootKeys(key);
      const keys = [
        ...Object.values(root),
        ...Object.values(deriveAccountKeys(key)),
        ...Object.values(deriveContentKeys(key)),
      ];
      return [fingerprint, ...keys.map((derived) => derived.bytes())].map((bytes) => bytes.toString('hex'));
    });
    expect(new Set([...all, one.bytes().toString('hex')]).size).toBe(all.length + 1);
    expect(deriveRootKeys(one).fingerprint).toEqual(deriveRootKeys(one).fingerprint);
  });
});

describe('a version row', () => {
  it('gives the digest back', () => {
    const tree = SecretKey.random();
    const sha256 = Buffer.alloc(32, 7);
    const { mac, sealedSha256 } = sealVersion(tree, fields, sha256);
    expect(openVersion(tree, fields, mac, sealedSha256)).toEqual(sha256);
  });

  it('does not show the digest: the same bytes look different each time', () => {
    const tree = SecretKey.random();
    const sha256 = Buffer.alloc(32, 7);
    const [one, other] = [sealVersion(tree, fields, sha256), sealVersion(tree, fields, sha256)];
    expect(one.sealedSha256).not.toEqual(other.sealedSha256);
    expect(() => openVersion(tree, fields, one.mac, other.sealedSha256)).toThrow(SealBroken);
  });

  it.each<[string, Partial<VersionFields>]>([
    ['a type that is not well-formed', { contentType: 'text/\ud800' }],
    ['a negative size', { size: -1 }],
    ['a time that is no number', { modifiedAt: Number.NaN }],
  ])('does not take %s', (_, wrong) => {
    expect(() => sealVersion(SecretKey.random(), { ...fields, ...wrong }, Buffer.alloc(32))).toThrow(RangeError);
    expect(() => openVersion(SecretKey.random(), { ...fields, ...wrong }, Buffer.alloc(32), Buffer.alloc(72))).toThrow(
      SealBroken,
    );
  });
});

describe('small sealed fields', () => {
  it('open under their own associated data only', () => {
    const key = SecretKey.random();
    const context = { field: 'credential', account: null, subject: id(1), keyId: id(2) } as const;
    const sealed = sealBytes(key, Buffer.from('{"token":1}'), fieldContext(context));
    expect(openBytes(key, sealed, fieldContext(context)).toString()).toBe('{"token":1}');
    for (const wrong of [{ field: 'totp' }, { account: id(9) }, { subject: id(3) }, { keyId: id(3) }] as const) {
      expect(() => openBytes(key, sealed, fieldContext({ ...context, ...wrong }))).toThrow(SealBroken);
    }
  });

  it('may be empty, and are never shorter than nonce and tag', () => {
    const key = SecretKey.random();
    const none = Buffer.alloc(0);
    expect(openBytes(key, sealBytes(key, none, none), none)).toEqual(none);
    for (const length of [0, 1, 24, 39]) expect(() => openBytes(key, Buffer.alloc(length), none)).toThrow(SealBroken);
  });
});

describe('a marker', () => {
  it('tells its own gateway who wrote it, and another nothing', () => {
    const [mine, theirs] = [SecretKey.random(), SecretKey.random()];
    const marker = { gateway: id(1), connection: id(2), sequence: 2 ** 53 - 1 };
    const sealed = sealMarker(mine, marker);
    expect(sealed).toHaveLength(80);
    expect(openMarker(mine, sealed)).toEqual(marker);
    expect(() => openMarker(theirs, sealed)).toThrow(SealBroken);
  });
});
