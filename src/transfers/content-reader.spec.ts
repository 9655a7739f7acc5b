import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  ChunkSealer,
  deriveContentKeys,
  ManifestBuilder,
  openManifestHeader,
  paddedLength,
  SecretKey,
  wrapKey,
} from '#crypto';
import { BlobMissing } from '#storage';
import type { Sql } from '../database/index.js';
import { chunkKeyContext } from './chunk-key.js';
import { ContentReader } from './content-reader.js';
import type { ShardReader } from './shard-reader.js';

const [account, content, keyId] = [randomUUID(), randomUUID(), randomUUID()];
const plain = randomBytes(5_000);

/** A content of one chunk, whose shards lie in the blob that is named. */
function stored() {
  const keys = deriveContentKeys(SecretKey.random());
  const key = SecretKey.random();
  const padded = paddedLength(plain.length, 1_000_000);
  const sealer = new ChunkSealer(
    key,
    { account, content, index: 0, keyId },
    { plainLength: plain.length, paddedLength: padded },
  );
  const sealed = Buffer.concat([...sealer.update(plain), ...sealer.finish(padded)]);
  const wrapped = wrapKey(keys.chunkWrap, key, chunkKeyContext({ account, content, chunk: 0, keyId }));
  const builder = new ManifestBuilder(keys.manifest, { account, content });
  builder.add({ index: 0, offset: 0, length: plain.length, padded, keyId, header: sealer.header });
  const { header, pages } = builder.finish(randomBytes(32));
  const manifest = openManifestHeader(keys.manifest, { account, content }, header);
  let blob = 'before';
  const sql = {
    prepared: async (name: string) =>
      name === 'page-at'
        ? [{ page: 0, sealed: pages[0]!.sealed }]
        : [{ index: 0, data: 1, parity: 1, key_id: keyId, wrapped_key: wrapped, shard: 0, blob }],
  } as unknown as Sql;
  return { context: { sql, account, content, keys, manifest }, sealed, move: () => (blob = 'after') };
}

it('compares shards with their digests once more where they have moved since', async () => {
  const { context, sealed, move } = stored();
  const garbage = randomBytes(sealed.length);
  const answers: (() => Buffer)[] = [
    () => garbage,
    () => {
      move();
      throw new BlobMissing();
    },
    () => garbage,
    () => sealed,
  ];
  let compared = 0;
  const reader = {
    async *read() {
      yield answers.shift()!();
    },
    findLiars: async () => (compared += 1) > 0,
  } as unknown as ShardReader;
  const pieces: Buffer[] = [];
  for await (const piece of new ContentReader({ ...context, shards: () => reader }).read(0, plain.length, 16)) {
    pieces.push(piece);
  }
  expect([Buffer.concat(pieces).equals(plain), compared]).toEqual([true, 2]);
});
