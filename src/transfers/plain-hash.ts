import { createHash } from 'node:crypto';
import { createSHA256 } from 'hash-wasm';

/** SHA-256 of a plaintext that comes in pieces. */
export interface PlainHash {
  update(bytes: Buffer): void;
  digest(): Buffer;
  /** What `resumableHash` goes on from; null where it cannot be told. */
  state(): Buffer | null;
}

/** The fast one: it ends with its process. */
export function nativeHash(): PlainHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest(), state: () => null };
}

/** A fifth as fast, and its state can be kept and taken up by another gateway. */
export async function resumableHash(state: Buffer | null): Promise<PlainHash> {
  const hash = await createSHA256();
  if (state) hash.load(state);
  else hash.init();
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => Buffer.from(hash.digest('binary')),
    state: () => Buffer.from(hash.save()),
  };
}
