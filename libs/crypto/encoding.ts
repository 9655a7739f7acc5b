const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NIL = /^[0-]+$/;
/** What stands where a u64 is absent; no safe integer can reach it. */
const NO_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * The canonical encoding of everything that is bound by a seal: big-endian, fields of fixed width
 * in a fixed order, nothing optional, so that no two different things encode alike.
 * Values that do not fit throw a RangeError.
 */
export class Encoding {
  #bytes = Buffer.alloc(160);
  #length = 0;

  u8(value: number): this {
    return this.#integer(value, 1, 0, 0xff);
  }

  u16(value: number): this {
    return this.#integer(value, 2, 0, 0xffff);
  }

  u32(value: number): this {
    return this.#integer(value, 4, 0, 0xffff_ffff);
  }

  /** A safe integer; the upper eleven bits are always zero. */
  u64(value: number): this {
    return this.#integer(value, 8, 0, Number.MAX_SAFE_INTEGER);
  }

  u64OrNone(value: number | null): this {
    if (value !== null) return this.u64(value);
    const at = this.#grow(8);
    this.#bytes.writeBigUInt64BE(NO_U64, at);
    return this;
  }

  /** A safe integer of either sign, in two's complement; times before 1970 are negative. */
  i64(value: number): this {
    return this.#integer(value, 8, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }

  /** The 16 bytes of an id. The nil id is refused: its bytes stand for absence. */
  uuid(id: string): this {
    if (!UUID.test(id) || NIL.test(id)) throw new RangeError('Not an id.');
    const at = this.#grow(16);
    this.#bytes.write(id.replaceAll('-', ''), at, 16, 'hex');
    return this;
  }

  uuidOrNone(id: string | null): this {
    if (id !== null) return this.uuid(id);
    this.#grow(16);
    return this;
  }

  /** Bytes of a length that the format fixes. */
  bytes(bytes: Uint8Array, length: number): this {
    if (bytes.length !== length) throw new RangeError(`${length} bytes belong here.`);
    const at = this.#grow(length);
    this.#bytes.set(bytes, at);
    return this;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #integer(value: number, width: 1 | 2 | 4 | 8, least: number, most: number): this {
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new RangeError(`A whole number from ${least} to ${most} belongs here.`);
    }
    const at = this.#grow(width);
    if (width === 8) this.#bytes.writeBigInt64BE(BigInt(value), at);
    else this.#bytes.writeUIntBE(value, at, width);
    return this;
  }

  /** Makes room for zeroed bytes and answers where they begin. May replace the buffer: call it before touching that. */
  #grow(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
}

/** The id that 16 bytes spell. */
export function uuidFrom(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
