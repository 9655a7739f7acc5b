import { createHash } from 'node:crypto';
import { encodeEntries, Encoding, type ManifestEntry, openUploadState, SealBroken, sealUploadState } from '#crypto';
import type { ContentKeys } from '../keys/index.js';
import { UploadLost } from './errors.js';
import type { UploadRow } from './uploads.store.js';

/** How far an upload's plaintext has come: its hash, and a chain over what the manifest will say of its chunks. */
export interface UploadState {
  readonly hash: Buffer | null;
  readonly offset: number;
  readonly chunks: number;
  readonly chain: Buffer;
}

const CHAIN_LENGTH = 32;
/** The chain before the first chunk. */
export const noChain: Buffer = Buffer.alloc(CHAIN_LENGTH);
const beginning: UploadState = { hash: null, offset: 0, chunks: 0, chain: noChain };

/** Whoever can change rows cannot leave chunks out of an upload, or put others in: the sealed state tells. Throws UploadLost. */
export function openState(keys: ContentKeys, row: UploadRow): UploadState {
  const { account, id, sealed_hash: sealed } = row;
  if (!sealed) {
    if (row.chunks !== 0 || row.offset !== 0) throw new UploadLost();
    return beginning;
  }
  const plain = opened(() => openUploadState(keys.manifest, { account, content: id }, sealed));
  const state = {
    offset: Number(plain.readBigUInt64BE(0)),
    chunks: plain.readUInt32BE(8),
    chain: Buffer.from(plain.subarray(12, 12 + CHAIN_LENGTH)),
    hash: Buffer.from(plain.subarray(12 + CHAIN_LENGTH)),
  };
  if (state.offset !== row.offset || state.chunks !== row.chunks) throw new UploadLost();
  return state;
}

function opened(open: () => Buffer): Buffer {
  try {
    return open();
  } catch (error) {
    throw error instanceof SealBroken ? new UploadLost() : error;
  }
}

export function sealState(
  keys: ContentKeys,
  { account, id }: UploadRow,
  state: UploadState & { hash: Buffer },
): Buffer {
  const plain = new Encoding()
    .u64(state.offset)
    .u32(state.chunks)
    .bytes(state.chain, CHAIN_LENGTH)
    .bytes(state.hash, state.hash.length)
    .finish();
  return sealUploadState(keys.manifest, { account, content: id }, plain);
}

export function chained(chain: Buffer, entry: ManifestEntry): Buffer {
  return createHash('sha256')
    .update(chain)
    .update(encodeEntries([entry]))
    .digest();
}
