import { describe, expect, it } from 'vitest';
import { times } from '../testing/plain-code.js';
import { inverse, multiply, power } from './field.js';

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);

describe('the field of bytes', () => {
  // Backblaze JavaReedSolomon, src/test/java/com/backblaze/erasure/GaloisTest.java, testWithPythonAnswers.
  it('has the products and powers that others publish', () => {
    expect([multiply(3, 4), multiply(7, 7), multiply(23, 45)]).toEqual([12, 21, 41]);
    expect([power(2, 2), power(5, 20), power(13, 7)]).toEqual([4, 235, 43]);
  });

  it('multiplies as long multiplication does', () => {
    for (const a of BYTES) for (const b of BYTES) if (multiply(a, b) !== times(a, b)) expect([a, b]).toBe('equal');
  });

  it('divides by everything but 0', () => {
    for (const a of BYTES.slice(1)) expect(multiply(a, inverse(a))).toBe(1);
    expect(() => inverse(0)).toThrow(RangeError);
  });

  it('takes powers by multiplying', () => {
    for (const a of BYTES) {
      for (let exponent = 0, product = 1; exponent < 300; exponent += 1, product = times(product, a)) {
        if (power(a, exponent) !== product) expect([a, exponent]).toBe('equal');
      }
    }
  });
});
