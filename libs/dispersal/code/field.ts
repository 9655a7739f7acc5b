/**
 * Arithmetic in GF(2^8), the field of bytes modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2
 * generates every byte but 0. Adding and taking away are XOR.
 */
const POLYNOMIAL = 0x11d;

const POWERS_OF_TWO = new Uint8Array(510);
const LOGARITHMS = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  POWERS_OF_TWO[power] = value;
  POWERS_OF_TWO[power + 255] = value;
  LOGARITHMS[value] = power;
  value = (value << 1) ^ (value & 0x80 ? POLYNOMIAL : 0);
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (POWERS_OF_TWO[LOGARITHMS[a]! + LOGARITHMS[b]!] as number);
}

/** What times `a` is 1. There is none for 0. */
export function inverse(a: number): number {
  if (a === 0) throw new RangeError('0 has no inverse');
  return POWERS_OF_TWO[255 - LOGARITHMS[a]!] as number;
}

/** As everywhere else, 0 to the power of 0 is 1. */
export function power(a: number, exponent: number): number {
  if (exponent === 0) return 1;
  return a === 0 ? 0 : (POWERS_OF_TWO[(LOGARITHMS[a]! * exponent) % 255] as number);
}
