/**
 * The code as docs/format.md defines it, as slowly and plainly as can be: no tables, no matrices.
 * Column by column, the data shards are the values at 0 … k-1 of a polynomial of degree below k
 * over GF(2^8), and shard r is its value at r. A single parity shard is the XOR of all data shards.
 */
export function plainParity(data: readonly Uint8Array[], parity: number): Buffer[] {
  if (parity === 1) return [Buffer.from(data[0]!.map((_, at) => data.reduce((sum, shard) => sum ^ shard[at]!, 0)))];
  const points = data.map((values, point) => ({ point, values }));
  return Array.from({ length: parity }, (_, index) => plainShard(points, data.length + index));
}

/** The shard at some point, from any k others, none of which comes from a single parity. */
export function plainShard(known: readonly { point: number; values: Uint8Array }[], wanted: number): Buffer {
  const weights = known.map(({ point }) =>
    known
      .filter((other) => other.point !== point)
      .reduce((weight, other) => times(weight, times(wanted ^ other.point, inverseOf(point ^ other.point))), 1),
  );
  return Buffer.from(
    known[0]!.values.map((_, at) => known.reduce((sum, { values }, nth) => sum ^ times(weights[nth]!, values[at]!), 0)),
  );
}

/** Long multiplication of polynomials over GF(2), modulo x^8 + x^4 + x^3 + x^2 + 1. */
export function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product <<= 1;
    if (product & 0x100) product ^= 0x11d;
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

function inverseOf(a: number): number {
  for (let b = 1; b < 256; b += 1) if (times(a, b) === 1) return b;
  throw new RangeError('0 has no inverse');
}
