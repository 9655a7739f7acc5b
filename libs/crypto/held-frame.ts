import { FRAME_LENGTH } from './format.js';

/** Beyond so many pieces they are gathered: a client that sends single bytes must not cost an object for each. */
const MOST_PIECES = 16;

/** At most one frame of plaintext that waits, as the slices in which it came. */
export class HeldFrame {
  length = 0;
  #pieces: Buffer[] = [];
  #gathered: Buffer | null = null;

  add(piece: Buffer): void {
    if (!this.#gathered && this.#pieces.length === MOST_PIECES) this.#gather();
    if (this.#gathered) piece.copy(this.#gathered, this.length);
    else this.#pieces.push(piece);
    this.length += piece.length;
  }

  /** Hands over what waits and forgets it. */
  release(): Buffer[] {
    const pieces = this.#gathered ? [this.#gathered.subarray(0, this.length)] : this.#pieces;
    this.#pieces = [];
    this.#gathered = null;
    this.length = 0;
    return pieces;
  }

  wipe(): void {
    this.#gathered?.fill(0);
    this.release();
  }

  #gather(): void {
    this.#gathered = Buffer.allocUnsafeSlow(FRAME_LENGTH);
    let at = 0;
    for (const piece of this.#pieces) at += piece.copy(this.#gathered, at);
    this.#pieces = [];
  }
}
