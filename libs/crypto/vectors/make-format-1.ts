import { createHash } from 'node:crypto';
import {
  backupHeadName,
  ChunkSealer,
  deriveAccountKeys,
  deriveContentKeys,
  deriveRootKeys,
  fieldContext,
  FORMAT,
  ManifestBuilder,
  ready,
  type RootKeys,
  sealBackupHead,
  sealBytes,
  sealMarker,
  SecretKey,
  sealVersion,
  SUITE,
  wrapKey,
} from '../index.js';
import { withFixedRandomness } from '../randomness.js';

/*
 * Makes format-1.json, the same bytes every time:
 *   npm run build && node dist/libs/crypto/vectors/make-format-1.js > libs/crypto/vectors/format-1.json
 */

const EPOCH = 1;
/** Plain and padded lengths: over a frame's edge, a frame of padding alone, the smallest padded chunk. */
const LENGTHS = [
  [65_537, 65_537],
  [100, 66_000],
  [1, 4096],
] as const;

const id = (number: number): string => `01938f00-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The file in the vectors. */
export function vectorPlaintext(): Buffer {
  const length = LENGTHS.reduce((sum, [plain]) => sum + plain, 0);
  return Buffer.from(Array.from({ length }, (_, at) => (7 * at + Math.floor(at / 256)) % 256));
}

/** SHA-512 of a running number, cut to what is asked for. */
function fixedSource(): (length: number) => Buffer {
  let drawn = 0;
  return (length) => {
    drawn += 1;
    return createHash('sha512').update(`format 1, draw ${drawn}`).digest().subarray(0, length);
  };
}

export function makeVectors(): object {
  return withFixedRandomness(fixedSource(), () => {
    const root = SecretKey.random();
    const rootKeys = deriveRootKeys(root);
    const { accountWrap, credentialWrap, markerSeal, fingerprint } = rootKeys;
    const account = id(1);
    const accountKeyId = id(2);
    const accountKey = SecretKey.random();
    const nowhere = { content: null, chunk: null, wrapper: null, epoch: EPOCH };
    const wrapped = wrapKey(accountWrap, accountKey, {
      purpose: 'account-key',
      account,
      ...nowhere,
      keyId: accountKeyId,
    });
    return {
      format: FORMAT,
      suite: SUITE,
      rootKey: { epoch: EPOCH, key: text(root.bytes()), fingerprint: text(fingerprint) },
      accountKey: { account, id: accountKeyId, epoch: EPOCH, wrapped: text(wrapped) },
      file: makeContent(accountKey, account, accountKeyId, id(10), LENGTHS),
      emptyFile: makeContent(accountKey, account, accountKeyId, id(20), []),
      credential: makeCredential(credentialWrap),
      marker: makeMarker(markerSeal),
      backupHead: makeBackupHead(rootKeys),
    };
  });
}

type Lengths = readonly (readonly [plain: number, padded: number])[];

function makeContent(accountKey: SecretKey, account: string, accountKeyId: string, content: string, lengths: Lengths) {
  const { contentWrap, tree } = deriveAccountKeys(accountKey);
  const contentKey = SecretKey.random();
  const contentKeyId = id(lengths.length > 0 ? 11 : 21);
  const { chunkWrap, manifest } = deriveContentKeys(contentKey);
  const place = { account, content, epoch: EPOCH };
  const builder = new ManifestBuilder(manifest, { account, content });
  const plain = lengths.length > 0 ? vectorPlaintext() : Buffer.alloc(0);
  let offset = 0;
  const chunks = lengths.map(([length, padded], index) => {
    const key = SecretKey.random();
    const keyId = id(100 + index);
    const wrapped = wrapKey(chunkWrap, key, {
      purpose: 'chunk-key',
      ...place,
      chunk: index,
      keyId,
      wrapper: contentKeyId,
    });
    const lengthsOf = { plainLength: length, paddedLength: padded };
    const sealer = new ChunkSealer(key, { account, content, index, keyId }, lengthsOf);
    const sealed = [sealer.header, ...sealer.update(plain.subarray(offset, offset + length)), ...sealer.finish()];
    builder.add({ index, offset, length, padded, keyId, header: sealer.header });
    offset += length;
    return { keyId, wrapped: text(wrapped), sealed: text(Buffer.concat(sealed)) };
  });
  const sha256 = createHash('sha256').update(plain).digest();
  const { header, pages, totalLength } = builder.finish(sha256);
  const fields = {
    account,
    file: id(30),
    version: id(lengths.length > 0 ? 31 : 32),
    content,
    size: totalLength,
    contentType: 'text/plain; charset=utf-8',
    modifiedAt: -86_400_000,
    createdAt: 1_763_712_000_000,
  };
  const { mac, sealedSha256 } = sealVersion(tree, fields, sha256);
  const contentContext = { purpose: 'content-key', ...place, chunk: null, keyId: contentKeyId } as const;
  const wrapped = wrapKey(contentWrap, contentKey, { ...contentContext, wrapper: accountKeyId });
  return {
    contentKey: { id: contentKeyId, epoch: EPOCH, wrapped: text(wrapped) },
    manifest: { header: text(header), pages: pages.map((page) => text(page.sealed)) },
    chunks,
    version: { ...fields, sha256: text(sha256), mac: text(mac), sealedSha256: text(sealedSha256) },
  };
}

function makeCredential(credentialWrap: SecretKey) {
  const key = SecretKey.random();
  const [connection, keyId] = [id(40), id(41)];
  const secret = Buffer.from('{"refreshToken":"not a real one"}');
  const wrapped = wrapKey(credentialWrap, key, {
    purpose: 'credential-key',
    account: null,
    content: null,
    chunk: null,
    keyId,
    wrapper: null,
    epoch: EPOCH,
  });
  const sealed = sealBytes(
    key,
    secret,
    fieldContext({ field: 'credential', account: null, subject: connection, keyId }),
  );
  return { account: null, connection, keyId, wrapped: text(wrapped), sealed: text(sealed), secret: text(secret) };
}

function makeMarker(markerSeal: SecretKey) {
  const marker = { gateway: id(50), connection: id(40), sequence: 1_000_000 };
  return { ...marker, sealed: text(sealMarker(markerSeal, marker)) };
}

/** Of a backup of 1,212 bytes in two pieces of what a provider was given: a thousand zeros, as if they were frames. */
function makeBackupHead(root: RootKeys) {
  const piece = (name: string, bytes: number) => ({
    name,
    bytes,
    digest: createHash('sha256').update(Buffer.alloc(bytes)).digest('hex'),
  });
  const pieces = [piece('a'.repeat(26), 600), piece('b'.repeat(26), 400)];
  const start = text(Buffer.alloc(212));
  const head = { format: 1, id: id(60), madeAt: '2026-11-21T03:00:00.000Z', bytes: 1212, start, pieces };
  const name = backupHeadName(root, 'abcdefghijklmnopqrstuvwxyz') as string;
  return { name, head, sealed: text(sealBackupHead(root, JSON.stringify(head))) };
}

if (import.meta.main) {
  await ready;
  process.stdout.write(`${JSON.stringify(makeVectors(), null, 2)}\n`);
}
