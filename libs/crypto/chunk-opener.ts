import { timingSafeEqual } from 'node:crypto';
import { frameAssociated, frameKeyOf, frameNonce, type ChunkContext } from './chunk-context.js';
import { checkedLengths } from './chunk-sealer.js';
import { FRAME_LENGTH, frameCount, HEADER_LENGTH } from './format.js';
import { aesGcmOpen, TAG_LENGTH } from './primitives.js';
import { encodedOrBroken, SealBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

/** The frames that cover a range of a chunk's plaintext, and where they lie in the sealed chunk. */
export interface FrameRange {
  firstFrame: number;
  lastFrame: number;
  sealedOffset: number;
  sealedLength: number;
}

/**
 * Opens a chunk frame by frame, in any order. Header and lengths come from the manifest, never
 * from the blob; the commitment is checked before the first frame.
 */
export class ChunkOpener {
  readonly frameCount: number;
  readonly #header: Buffer;
  readonly #frameKey: Buffer;
  readonly #plainLength: number;
  readonly #padded: number;

  constructor(key: SecretKey, context: ChunkContext, header: Uint8Array, plainLength: number, padded: number) {
    encodedOrBroken(() => checkedLengths({ plainLength, paddedLength: padded }));
    this.#header = Buffer.from(header);
    this.#frameKey = encodedOrBroken(() => frameKeyOf(key, context, this.#header));
    this.#plainLength = plainLength;
    this.#padded = padded;
    this.frameCount = frameCount(padded);
  }

  frameRange(offset: number, length: number): FrameRange {
    const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!whole || offset < 0 || length < 1 || offset + length > this.#plainLength) {
      throw new RangeError('The range is not within the chunk.');
    }
    const firstFrame = Math.floor(offset / FRAME_LENGTH);
    const lastFrame = Math.floor((offset + length - 1) / FRAME_LENGTH);
    const begin = sealedFrameOffset(firstFrame);
    const end = sealedFrameOffset(lastFrame) + this.#frameLength(lastFrame) + TAG_LENGTH;
    return { firstFrame, lastFrame, sealedOffset: begin, sealedLength: end - begin };
  }

  /** The frame's plaintext without padding, which may leave nothing of it. Takes ciphertext ‖ tag. */
  openFrame(frame: number, sealed: Buffer): Buffer {
    if (!Number.isSafeInteger(frame) || frame < 0 || frame >= this.frameCount) throw new SealBroken();
    const length = this.#frameLength(frame);
    if (sealed.length !== length + TAG_LENGTH) throw new SealBroken();
    const last = frame === this.frameCount - 1;
    const associated = frameAssociated(last, this.#plainLength);
    const ciphertext = sealed.subarray(0, length);
    const opened = aesGcmOpen(this.#frameKey, frameNonce(frame, last), ciphertext, sealed.subarray(length), associated);
    return opened.subarray(0, Math.max(0, this.#plainLength - frame * FRAME_LENGTH));
  }

  /** For who reads a whole blob: it must begin with the header that the manifest names. */
  checkHeader(blobHeader: Uint8Array): void {
    if (blobHeader.length !== HEADER_LENGTH || !timingSafeEqual(this.#header, blobHeader)) throw new SealBroken();
  }

  wipe(): void {
    this.#frameKey.fill(0);
  }

  #frameLength(frame: number): number {
    return Math.min(FRAME_LENGTH, this.#padded - frame * FRAME_LENGTH);
  }
}

function sealedFrameOffset(frame: number): number {
  return HEADER_LENGTH + frame * (FRAME_LENGTH + TAG_LENGTH);
}
