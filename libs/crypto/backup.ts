import { timingSafeEqual } from 'node:crypto';
import { frameAssociated, frameNonce } from './chunk-context.js';
import { derive, type RootKeys } from './derivation.js';
import { Encoding, uuidFrom } from './encoding.js';
import { COMMITMENT_LENGTH, formatEncoding, FRAME_LENGTH, MESSAGE_ID_LENGTH } from './format.js';
import { aesGcmOpen, aesGcmSeal, TAG_LENGTH } from './primitives.js';
import { random } from './randomness.js';
import { SealBroken } from './seal-broken.js';
import { SecretKey } from './secret-key.js';
import { unwrapKey, wrapKey, type WrapContext, WRAPPED_KEY_LENGTH } from './wrapping.js';

/** A root key and its number in the key file. */
export interface RootEpoch {
  readonly epoch: number;
  readonly keys: RootKeys;
}

/** What a backup says of itself to who cannot open it. */
export interface BackupHeader {
  readonly id: string;
  readonly epoch: number;
  /** Of the root key that it opens under. */
  readonly fingerprint: Buffer;
}

const MAGIC = Buffer.from('tessera backup 1', 'ascii');
const START = formatEncoding().finish();
const FINGERPRINT_LENGTH = 32;
const EPOCH_AT = MAGIC.length + START.length + FINGERPRINT_LENGTH;
const ID_AT = EPOCH_AT + 8;
const WRAPPED_AT = ID_AT + 16;
const MESSAGE_ID_AT = WRAPPED_AT + WRAPPED_KEY_LENGTH;
const COMMITMENT_AT = MESSAGE_ID_AT + MESSAGE_ID_LENGTH;
export const BACKUP_HEADER_LENGTH = COMMITMENT_AT + COMMITMENT_LENGTH;
const SEALED_FRAME_LENGTH = FRAME_LENGTH + TAG_LENGTH;

/**
 * Seals a stream of any length under a fresh key, which is wrapped under the root key and lies in the header: whoever has
 * the root key needs nothing else, and the root key is no part of it. Holds two frames at most.
 */
export async function* sealBackup(
  root: RootEpoch,
  id: string,
  plain: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const key = SecretKey.random();
  const wrapped = wrapKey(root.keys.backupWrap, key, contextOf({ id, epoch: root.epoch }));
  const named = Buffer.concat([
    MAGIC,
    START,
    root.keys.fingerprint,
    new Encoding().u64(root.epoch).uuid(id).finish(),
    wrapped,
  ]);
  const messageId = random(MESSAGE_ID_LENGTH);
  const { frameKey, commitment } = deriveBackupKeys(key, named, messageId);
  key.wipe();
  yield Buffer.concat([named, messageId, commitment]);
  let total = 0;
  let frame = 0;
  for await (const { bytes, last } of cut(plain, FRAME_LENGTH)) {
    total += bytes.length;
    const sealed = aesGcmSeal(frameKey, frameNonce(frame, last), bytes, frameAssociated(last, total));
    frame += 1;
    yield sealed.ciphertext;
    yield sealed.tag;
  }
  frameKey.fill(0);
}

/** What the first bytes of a file say; undefined where they are no backup's. Nothing of it is proved before it opens. */
export function readBackupHeader(bytes: Buffer): BackupHeader | undefined {
  if (bytes.length < BACKUP_HEADER_LENGTH) return undefined;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const startsAt = MAGIC.length + START.length;
  if (!bytes.subarray(MAGIC.length, startsAt).equals(START)) return undefined;
  return {
    id: uuidFrom(bytes.subarray(ID_AT, WRAPPED_AT)),
    epoch: Number(bytes.readBigUInt64BE(EPOCH_AT)),
    fingerprint: Buffer.from(bytes.subarray(startsAt, EPOCH_AT)),
  };
}

/**
 * Opens what `sealBackup` made, from its first byte on. No plaintext leaves before its frame was checked, and the stream
 * ends without an error only if nothing was cut off, added, swapped or changed.
 */
export async function* openBackup(root: RootKeys, sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const pieces = sealed[Symbol.asyncIterator]();
  const { head, rest } = await takeHeader(pieces);
  const header = readBackupHeader(head);
  if (!header) throw new SealBroken();
  const frameKey = frameKeyOf(root, header, head);
  let total = 0;
  let frame = 0;
  for await (const { bytes, last } of cut(from(rest, pieces), SEALED_FRAME_LENGTH)) {
    const length = bytes.length - TAG_LENGTH;
    if (length < 0) throw new SealBroken();
    total += length;
    const associated = frameAssociated(last, total);
    const ciphertext = bytes.subarray(0, length);
    yield aesGcmOpen(frameKey, frameNonce(frame, last), ciphertext, bytes.subarray(length), associated);
    frame += 1;
  }
  frameKey.fill(0);
}

function frameKeyOf(root: RootKeys, header: BackupHeader, head: Buffer): Buffer {
  const key = unwrapKey(root.backupWrap, head.subarray(WRAPPED_AT, MESSAGE_ID_AT), contextOf(header));
  const messageId = head.subarray(MESSAGE_ID_AT, COMMITMENT_AT);
  const { frameKey, commitment } = deriveBackupKeys(key, head.subarray(0, MESSAGE_ID_AT), messageId);
  key.wipe();
  if (!timingSafeEqual(commitment, head.subarray(COMMITMENT_AT))) throw new SealBroken();
  return frameKey;
}

function deriveBackupKeys(key: SecretKey, named: Buffer, messageId: Buffer): { frameKey: Buffer; commitment: Buffer } {
  return {
    frameKey: derive(key, 'backup/frames', messageId, named),
    commitment: derive(key, 'backup/commitment', messageId, named),
  };
}

function contextOf({ id, epoch }: Pick<BackupHeader, 'id' | 'epoch'>): WrapContext {
  return { purpose: 'backup-key', account: null, content: null, chunk: null, keyId: id, wrapper: null, epoch };
}

async function takeHeader(pieces: AsyncIterator<Uint8Array>): Promise<{ head: Buffer; rest: Buffer }> {
  let taken = Buffer.alloc(0);
  while (taken.length < BACKUP_HEADER_LENGTH) {
    const next = await pieces.next();
    if (next.done) throw new SealBroken();
    taken = Buffer.concat([taken, next.value]);
  }
  return { head: taken.subarray(0, BACKUP_HEADER_LENGTH), rest: taken.subarray(BACKUP_HEADER_LENGTH) };
}

async function* from(first: Buffer, pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
}

/** Pieces of just this length, the last one shorter or empty; which one is the last is known when nothing comes after it. */
async function* cut(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  length: number,
): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let held = Buffer.alloc(length);
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      if (filled === length) {
        yield { bytes: held, last: false };
        held = Buffer.alloc(length);
        filled = 0;
      }
      const taken = Math.min(length - filled, piece.length - at);
      held.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  yield { bytes: held.subarray(0, filled), last: true };
}
