import { randomBytes } from 'node:crypto';
import sodium from 'libsodium-wrappers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChunkSealer, ManifestBuilder, deriveContentKeys, ready, sealVersion, SecretKey, wrapKey } from './index.js';
import { id } from './testing/stored-file.js';

const used = vi.hoisted(() => ({ pairs: new Set<string>(), keys: new Map<string, number>(), total: 0 }));

function remember(key: Uint8Array, nonce: Uint8Array): void {
  const spelled = Buffer.from(key).toString('latin1');
  used.pairs.add(spelled + Buffer.from(nonce).toString('latin1'));
  used.keys.set(spelled, (used.keys.get(spelled) ?? 0) + 1);
  used.total += 1;
}

vi.mock('node:crypto', async (original) => {
  const actual = await original<typeof import('node:crypto')>();
  const createCipheriv = (...given: Parameters<typeof actual.createCipheriv>): unknown => {
    remember(given[1] as Uint8Array, given[2] as Uint8Array);
    return actual.createCipheriv(...given);
  };
  return { ...actual, createCipheriv };
});

beforeAll(() => ready);

beforeEach(() => {
  used.pairs.clear();
  used.keys.clear();
  used.total = 0;
  const seal = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt_detached;
  vi.spyOn(sodium, 'crypto_aead_xchacha20poly1305_ietf_encrypt_detached').mockImplementation(((
    ...given: Parameters<typeof seal>
  ) => {
    remember(given[4], given[3]);
    return seal(...given);
  }) as typeof seal);
});

afterEach(() => vi.restoreAllMocks());

const bytes = randomBytes(200_000);
const pick = (most: number): number => bytes.readUInt32BE(used.total % 190_000) % most;

/** Uploads that crash anywhere and are tried again, sometimes with other bytes, as often as it takes. */
function uploadWithCrashes(content: string): void {
  const contentKey = SecretKey.random();
  const { chunkWrap, manifest } = deriveContentKeys(contentKey);
  const builder = new ManifestBuilder(manifest, { account: id(1), content });
  let offset = 0;
  for (let index = 0; index < 4; index += 1) {
    for (let crashed = true; crashed;) {
      const key = SecretKey.random();
      const keyId = id(used.total + 1);
      wrapKey(chunkWrap, key, {
        purpose: 'chunk-key',
        account: id(1),
        content,
        chunk: index,
        keyId,
        wrapper: id(2),
        epoch: 1,
      });
      const length = 1 + pick(150_000);
      const sealer = new ChunkSealer(key, { account: id(1), content, index, keyId });
      sealer.update(bytes.subarray(0, length));
      crashed = pick(3) === 0;
      if (crashed) continue;
      sealer.finish();
      builder.add({ index, offset, length, padded: length, keyId, header: sealer.header });
      offset += length;
    }
  }
  builder.finish(Buffer.alloc(32));
  const fields = {
    account: id(1),
    file: id(3),
    version: id(4),
    content,
    size: offset,
    contentType: '',
    modifiedAt: 0,
    createdAt: 0,
  };
  sealVersion(contentKey, fields, Buffer.alloc(32));
}

describe('no key meets a nonce twice', () => {
  it('in uploads that crash and start again', () => {
    for (let upload = 0; upload < 400; upload += 1) uploadWithCrashes(id(1000 + upload));
    expect(used.total).toBeGreaterThan(5000);
    expect(used.pairs.size).toBe(used.total);
  });

  it('and each part of a manifest has a key that seals nothing else, also when the manifest is made again', () => {
    const { manifest } = deriveContentKeys(SecretKey.random());
    for (let again = 0; again < 5; again += 1) {
      const builder = new ManifestBuilder(manifest, { account: id(1), content: id(2) });
      for (let index = 0; index < 2049; index += 1) {
        builder.add({ index, offset: index, length: 1, padded: 1, keyId: id(3), header: Buffer.alloc(64) });
      }
      builder.finish(Buffer.alloc(32));
    }
    expect([...used.keys.values()]).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('even where a chunk key is used twice against the rule: the message id makes another frame key', () => {
    const key = SecretKey.random();
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const sealer = new ChunkSealer(key, { account: id(1), content: id(2), index: 0, keyId: id(3) });
      sealer.update(bytes.subarray(0, 100_000));
      sealer.finish();
    }
    expect(used.total).toBe(100);
    expect(used.pairs.size).toBe(100);
    expect(used.keys.size).toBe(50);
  });
});
