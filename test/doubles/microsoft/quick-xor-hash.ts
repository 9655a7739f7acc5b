/** As it is described, byte by byte. Not the gateway's own: two that agree are worth more than one. */
export class PlainQuickXorHash {
  private readonly register = new Uint8Array(20);
  private length = 0;

  update(bytes: Uint8Array): this {
    const { register } = this;
    let bit = (this.length * 11) % 160;
    for (const byte of bytes) {
      const [at, shift] = [bit >> 3, bit & 7];
      register[at]! ^= byte << shift;
      register[at === 19 ? 0 : at + 1]! ^= byte >> (8 - shift);
      bit += 11;
      if (bit >= 160) bit -= 160;
    }
    this.length += bytes.length;
    return this;
  }

  digest(): string {
    const told = Buffer.from(this.register);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(this.length));
    for (const [index, byte] of length.entries()) told[12 + index]! ^= byte;
    return told.toString('base64');
  }
}
