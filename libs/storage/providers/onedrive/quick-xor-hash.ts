const columns = 160;
const bitsApart = 11;
const digestLength = 20;
const wordBytes = 4;
const blocksInScratch = 256;

/**
 * Microsoft's quickXorHash. Byte number *i* is XORed into a register of 160 bits at bit (11 · i) mod 160: bytes that lie
 * 160 apart meet at the same place. So bytes are gathered into 160 columns first, whole words at a time, and the columns
 * go into the register at the end. It shows damage on the way, and nothing more: whoever wants to can make two alike.
 */
export class QuickXorHash {
  private readonly gathered = new Uint32Array(columns / wordBytes);
  private readonly bytes = new Uint8Array(this.gathered.buffer);
  private length = 0;

  update(piece: Uint8Array): this {
    const untilColumnZero = (columns - (this.length % columns)) % columns;
    const head = Math.min(untilColumnZero, piece.length);
    this.gatherBytes(piece, 0, head);
    const whole = piece.length - ((piece.length - head) % columns);
    this.gatherBlocks(piece, head, whole);
    this.gatherBytes(piece, whole, piece.length);
    return this;
  }

  /** Base64, as Microsoft tells it. */
  digest(): string {
    const register = Buffer.alloc(digestLength);
    for (const [column, byte] of this.bytes.entries()) {
      const bit = (column * bitsApart) % columns;
      const [at, shift] = [bit >> 3, bit & 7];
      register[at]! ^= byte << shift;
      register[(at + 1) % digestLength]! ^= byte >> (8 - shift);
    }
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(this.length));
    for (const [index, byte] of length.entries()) register[digestLength - 8 + index]! ^= byte;
    return register.toString('base64');
  }

  private gatherBytes(piece: Uint8Array, from: number, to: number): void {
    let column = this.length % columns;
    for (let at = from; at < to; at += 1) {
      this.bytes[column]! ^= piece[at]!;
      column = column + 1 === columns ? 0 : column + 1;
    }
    this.length += to - from;
  }

  /** From column zero on, in whole blocks. Words can be read only where memory is aligned: elsewhere they are copied. */
  private gatherBlocks(piece: Uint8Array, from: number, to: number): void {
    const start = piece.byteOffset + from;
    if (start % wordBytes === 0) {
      this.gatherWords(new Uint32Array(piece.buffer, start, (to - from) / wordBytes));
    } else if (to > from) {
      const scratch = new Uint32Array((Math.min(to - from, blocksInScratch * columns) / wordBytes) | 0);
      const scratchBytes = new Uint8Array(scratch.buffer);
      for (let at = from; at < to; at += scratchBytes.length) {
        const part = piece.subarray(at, Math.min(at + scratchBytes.length, to));
        scratchBytes.set(part);
        this.gatherWords(scratch.subarray(0, part.length / wordBytes));
      }
    }
    this.length += to - from;
  }

  private gatherWords(words: Uint32Array): void {
    const { gathered } = this;
    const width = gathered.length;
    for (let at = 0; at < words.length; at += width) {
      for (let column = 0; column < width; column += 1) gathered[column]! ^= words[at + column]!;
    }
  }
}
