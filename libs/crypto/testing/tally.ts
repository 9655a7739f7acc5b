import { SealBroken } from '../index.js';

/** Counts attempts to pass something forged, and insists that each fails in the same way. */
export class Tally {
  refused = 0;

  /** Runs one attempt; throws unless it fails as a broken seal and as nothing else. */
  expectRefused(attempt: () => unknown, what: () => string): void {
    try {
      attempt();
    } catch (error) {
      const same = error instanceof SealBroken && error.message === new SealBroken().message && !error.cause;
      if (!same) throw new Error(`${what()} failed in another way than the rest`, { cause: error });
      this.refused += 1;
      return;
    }
    throw new Error(`${what()} was accepted`);
  }
}

/** Every copy of the bytes with one bit changed. */
export function* bitFlips(bytes: Buffer): Generator<[string, Buffer]> {
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [`bit ${bit}`, flipped];
  }
}

/** Every shorter beginning of the bytes, every shorter end, and the bytes with more after them. */
export function* cuts(bytes: Buffer): Generator<[string, Buffer]> {
  for (let length = 0; length < bytes.length; length += 1) {
    yield [`the first ${length} bytes`, bytes.subarray(0, length)];
    yield [`the last ${length} bytes`, bytes.subarray(bytes.length - length)];
  }
  for (const more of [1, 16, 64, bytes.length]) {
    yield [`${more} bytes more`, Buffer.concat([bytes, bytes.subarray(0, more)])];
  }
}

/** Every copy of the bytes with one byte set to each other value. */
export function* otherBytes(bytes: Buffer): Generator<[string, Buffer]> {
  for (let at = 0; at < bytes.length; at += 1) {
    for (let value = 0; value < 256; value += 1) {
      if (bytes[at] === value) continue;
      const changed = Buffer.from(bytes);
      changed[at] = value;
      yield [`byte ${at} as ${value}`, changed];
    }
  }
}

/** Every order of 0 … count-1 but the right one. */
export function* wrongOrders(count: number): Generator<number[]> {
  function* orders(rest: number[]): Generator<number[]> {
    if (rest.length === 0) yield [];
    for (const first of rest) for (const after of orders(rest.filter((one) => one !== first))) yield [first, ...after];
  }
  for (const order of orders(Array.from({ length: count }, (_, index) => index))) {
    if (order.some((from, to) => from !== to)) yield order;
  }
}
