import { createHash } from 'node:crypto';
import { BodyLengthWrong } from '../../errors.js';
import type { BlobBody } from '../../provider.js';

export interface Digests {
  readonly md5: Buffer;
  readonly sha256: Buffer;
}

/**
 * Reads a body through before it is sent: its hashes stand in the head of the request, where the store checks the
 * bytes against them, and a body of a wrong length is never begun.
 */
export async function digestsOf(body: BlobBody, signal?: AbortSignal): Promise<Digests> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let length = 0;
  for await (const piece of body.pieces()) {
    signal?.throwIfAborted();
    length += piece.length;
    if (length > body.length) throw new BodyLengthWrong();
    md5.update(piece);
    sha256.update(piece);
  }
  signal?.throwIfAborted();
  if (length !== body.length) throw new BodyLengthWrong();
  return { md5: md5.digest(), sha256: sha256.digest() };
}
