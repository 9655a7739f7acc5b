import { createCipheriv, createHash } from 'node:crypto';

const BLOCK_LENGTH = 1024 * 1024;

/** A mebibyte that no compression shortens, the same in every process. A body of any length repeats it. */
export const block = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16)).update(
  Buffer.alloc(BLOCK_LENGTH),
);

export function* bodyOf(length) {
  for (let left = length; left > 0; left -= BLOCK_LENGTH) yield left >= BLOCK_LENGTH ? block : block.subarray(0, left);
}

export function sha256Of(length) {
  const hash = createHash('sha256');
  for (const piece of bodyOf(length)) hash.update(piece);
  return hash.digest('hex');
}

/** The same numbers from 0 up to `below` in every run. */
export function numbersBelow(below, count) {
  const random = createCipheriv('aes-256-ctr', Buffer.alloc(32, 2), Buffer.alloc(16)).update(Buffer.alloc(count * 6));
  return Array.from({ length: count }, (_, index) => random.readUIntBE(index * 6, 6) % below);
}
