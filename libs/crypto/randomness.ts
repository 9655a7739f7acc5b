import { randomBytes } from 'node:crypto';

let draw: (length: number) => Buffer = randomBytes;

/** Where every key, nonce and message id comes from. */
export function random(length: number): Buffer {
  return draw(length);
}

/**
 * Runs synchronous work with a given source instead of the system's. Not exported from the
 * library: only what makes and checks the format's fixed vectors uses it.
 */
export function withFixedRandomness<T>(source: (length: number) => Buffer, work: () => T): T {
  const before = draw;
  draw = source;
  try {
    return work();
  } finally {
    draw = before;
  }
}
