import { timingSafeEqual } from 'node:crypto';
import { derive } from './derivation.js';
import { Encoding } from './encoding.js';
import { COMMITMENT_LENGTH, formatEncoding, HEADER_LENGTH, MESSAGE_ID_LENGTH } from './format.js';
import { GCM_NONCE_LENGTH } from './primitives.js';
import { SealBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

/** Where a sealed chunk belongs. */
export interface ChunkContext {
  account: string;
  content: string;
  index: number;
  keyId: string;
}

export interface ChunkKeys {
  frameKey: Buffer;
  commitment: Buffer;
}

export function deriveChunkKeys(key: SecretKey, context: ChunkContext, messageId: Uint8Array): ChunkKeys {
  const encoded = chunkEncoding(context);
  return {
    frameKey: derive(key, 'chunk/frames', messageId, encoded),
    commitment: derive(key, 'chunk/commitment', messageId, encoded),
  };
}

/** Checks the commitment before anything is opened: a chunk opens under the one key it was sealed with. */
export function frameKeyOf(key: SecretKey, context: ChunkContext, header: Uint8Array): Buffer {
  if (header.length !== HEADER_LENGTH) throw new SealBroken();
  const { frameKey, commitment } = deriveChunkKeys(key, context, header.subarray(0, MESSAGE_ID_LENGTH));
  if (!timingSafeEqual(commitment, header.subarray(HEADER_LENGTH - COMMITMENT_LENGTH))) {
    frameKey.fill(0);
    throw new SealBroken();
  }
  return frameKey;
}

/** The frame's number ‖ whether it is the last one. */
export function frameNonce(frame: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(GCM_NONCE_LENGTH);
  nonce.writeUInt32BE(frame, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

const NOTHING = Buffer.alloc(0);

/** The last frame says how much of the chunk is plaintext and not padding; the others carry nothing. */
export function frameAssociated(last: boolean, plainLength: number): Buffer {
  return last ? new Encoding().u64(plainLength).finish() : NOTHING;
}

function chunkEncoding(context: ChunkContext): Buffer {
  return formatEncoding().uuid(context.account).uuid(context.content).u64(context.index).uuid(context.keyId).finish();
}
