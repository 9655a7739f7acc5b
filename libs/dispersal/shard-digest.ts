import { Blake3Hasher } from '@napi-rs/blake-hash';

/** BLAKE3 over a shard's bytes as they lie on a connection: what scrub, repair and decoding compare, without any key. */
export class ShardDigest {
  private readonly hasher = new Blake3Hasher();

  update(piece: Buffer): void {
    this.hasher.update(piece);
  }

  digest(): Buffer {
    return Buffer.from(this.hasher.digestBuffer());
  }
}
