import type { CipherGCM } from 'node:crypto';
import { deriveChunkKeys, frameAssociated, frameNonce, type ChunkContext } from './chunk-context.js';
import { FRAME_LENGTH, MAX_CHUNK_LENGTH, MESSAGE_ID_LENGTH } from './format.js';
import { HeldFrame } from './held-frame.js';
import { aesGcmCipher } from './primitives.js';
import { random } from './randomness.js';
import type { SecretKey } from './secret-key.js';

export interface ChunkLengths {
  plainLength: number;
  paddedLength: number;
}

const ZEROS = Buffer.alloc(FRAME_LENGTH);

/**
 * Seals one chunk as its bytes arrive. With both lengths known beforehand every byte is encrypted
 * at once; without them at most one frame of plaintext waits, because whether a frame is the
 * last stands in its nonce. Pieces given to `update` belong to the sealer while they wait.
 *
 * A key seals one chunk once: another attempt, with the same or other bytes, takes another key.
 */
export class ChunkSealer {
  /** Message id ‖ commitment: the first bytes of the blob, and what the manifest remembers. */
  readonly header: Buffer;
  readonly #frameKey: Buffer;
  readonly #held = new HeldFrame();
  #lengths: ChunkLengths | null;
  #cipher: CipherGCM | null = null;
  #frame = 0;
  #leftInFrame = 0;
  #encrypted = 0;
  #plainLength = 0;
  #closed = false;

  constructor(key: SecretKey, context: ChunkContext, lengths: Partial<ChunkLengths> = {}) {
    this.#lengths = knownLengths(lengths);
    const messageId = random(MESSAGE_ID_LENGTH);
    const { frameKey, commitment } = deriveChunkKeys(key, context, messageId);
    this.header = Buffer.concat([messageId, commitment]);
    this.#frameKey = frameKey;
  }

  /** How much plaintext was given so far. */
  get plainLength(): number {
    return this.#plainLength;
  }

  /** How much of it waits unencrypted now. */
  get heldLength(): number {
    return this.#held.length;
  }

  /** Answers what is sealed by now: ciphertext and tags, in the order in which they follow the header. */
  update(piece: Buffer): Buffer[] {
    this.#mustBeOpen();
    const most = this.#lengths?.plainLength ?? MAX_CHUNK_LENGTH;
    if (this.#plainLength + piece.length > most) throw new RangeError('More plaintext than the chunk was to hold.');
    this.#plainLength += piece.length;
    const sealed: Buffer[] = [];
    if (this.#lengths) this.#encrypt(piece, sealed);
    else this.#hold(piece, sealed);
    return sealed;
  }

  /** Pads with zeros, closes with the last-frame flag, and forgets the key. */
  finish(padded?: number): Buffer[] {
    this.#mustBeOpen();
    const lengths = this.#finalLengths(padded);
    this.#lengths = lengths;
    const sealed: Buffer[] = [];
    for (const piece of this.#held.release()) this.#encrypt(piece, sealed);
    while (this.#encrypted < lengths.paddedLength) {
      this.#encrypt(ZEROS.subarray(0, lengths.paddedLength - this.#encrypted), sealed);
    }
    this.wipe();
    return sealed;
  }

  /** For a chunk that is given up. */
  wipe(): void {
    this.#closed = true;
    this.#cipher = null;
    this.#frameKey.fill(0);
    this.#held.wipe();
  }

  /** A full frame is encrypted once a byte beyond it has come: only then it is known not to be the last. */
  #hold(piece: Buffer, sealed: Buffer[]): void {
    let rest = piece;
    while (this.#held.length + rest.length > FRAME_LENGTH) {
      const taken = FRAME_LENGTH - this.#held.length;
      this.#held.add(rest.subarray(0, taken));
      rest = rest.subarray(taken);
      for (const held of this.#held.release()) this.#encrypt(held, sealed);
    }
    if (rest.length > 0) this.#held.add(rest);
  }

  #encrypt(piece: Buffer, sealed: Buffer[]): void {
    let rest = piece;
    while (rest.length > 0) {
      this.#cipher ??= this.#openFrame();
      const taken = Math.min(rest.length, this.#leftInFrame);
      sealed.push(this.#cipher.update(taken === rest.length ? rest : rest.subarray(0, taken)));
      rest = rest.subarray(taken);
      this.#encrypted += taken;
      this.#leftInFrame -= taken;
      if (this.#leftInFrame === 0) sealed.push(this.#closeFrame(this.#cipher));
    }
  }

  #openFrame(): CipherGCM {
    const left = this.#lengths ? this.#lengths.paddedLength - this.#encrypted : Infinity;
    const last = left <= FRAME_LENGTH;
    this.#leftInFrame = Math.min(left, FRAME_LENGTH);
    const associated = frameAssociated(last, this.#lengths?.plainLength ?? 0);
    return aesGcmCipher(this.#frameKey, frameNonce(this.#frame, last), associated);
  }

  #closeFrame(cipher: CipherGCM): Buffer {
    cipher.final();
    this.#cipher = null;
    this.#frame += 1;
    return cipher.getAuthTag();
  }

  #finalLengths(padded: number | undefined): ChunkLengths {
    const known = this.#lengths;
    if (!known) return checkedLengths({ plainLength: this.#plainLength, paddedLength: padded ?? this.#plainLength });
    if (this.#plainLength !== known.plainLength || (padded ?? known.paddedLength) !== known.paddedLength) {
      throw new RangeError('The chunk did not become what it was said to be.');
    }
    return known;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('This chunk is closed.');
  }
}

function knownLengths({ plainLength, paddedLength }: Partial<ChunkLengths>): ChunkLengths | null {
  if (plainLength === undefined && paddedLength === undefined) return null;
  if (plainLength === undefined || paddedLength === undefined) throw new RangeError('Give both lengths, or none.');
  return checkedLengths({ plainLength, paddedLength });
}

/** A chunk of nothing does not exist: an empty file is a manifest without chunks. */
export function checkedLengths(lengths: ChunkLengths): ChunkLengths {
  const { plainLength, paddedLength } = lengths;
  const whole = Number.isSafeInteger(plainLength) && Number.isSafeInteger(paddedLength);
  if (!whole || plainLength < 1 || paddedLength < plainLength || paddedLength > MAX_CHUNK_LENGTH) {
    throw new RangeError('A chunk holds 1 byte to 64 MiB, and is never padded to less.');
  }
  return lengths;
}
