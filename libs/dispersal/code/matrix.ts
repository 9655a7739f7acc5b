import { inverse, multiply, power } from './field.js';

/** Rows of coefficients in GF(2^8). */
export type Matrix = readonly Uint8Array[];

/**
 * The coefficients by which parity shards are made of data shards: row i, column j is what data
 * shard j counts in parity shard i. A Vandermonde matrix (row r is r^0, r^1, r^2 …) times the
 * inverse of its own top square, so that the top becomes the identity and any k rows of the whole
 * stay independent. This is what Backblaze's and many other libraries use. Rows depend on k alone:
 * one parity shard more leaves the others as they are. A single parity is the plain XOR instead.
 */
export function parityMatrix(data: number, parity: number): Matrix {
  if (parity === 1) return [new Uint8Array(data).fill(1)];
  const vandermonde = rows(data + parity, data, (row, column) => power(row, column));
  return product(vandermonde.slice(data), inverseOf(vandermonde.slice(0, data)));
}

/** How the wanted shards come from any k present ones: a row for each wanted shard, a column for each present one. */
export function recoveryMatrix(
  code: { data: number; parity: Matrix },
  present: readonly number[],
  wanted: readonly number[],
): Matrix {
  const whole = [...identity(code.data), ...code.parity];
  const dataFromPresent = inverseOf(present.map((shard) => whole[shard] as Uint8Array));
  return product(
    wanted.map((shard) => whole[shard] as Uint8Array),
    dataFromPresent,
  );
}

function identity(size: number): Matrix {
  return rows(size, size, (row, column) => (row === column ? 1 : 0));
}

function rows(count: number, width: number, cell: (row: number, column: number) => number): Uint8Array[] {
  return Array.from({ length: count }, (_, row) =>
    Uint8Array.from({ length: width }, (__, column) => cell(row, column)),
  );
}

function product(left: Matrix, right: Matrix): Matrix {
  return rows(left.length, right[0]?.length ?? 0, (row, column) =>
    (left[row] as Uint8Array).reduce((sum, factor, inner) => sum ^ multiply(factor, right[inner]![column]!), 0),
  );
}

/** By elimination: what turns the matrix into the identity turns the identity into its inverse. */
function inverseOf(matrix: Matrix): Matrix {
  const size = matrix.length;
  const work = rows(size, 2 * size, (row, column) =>
    column < size ? matrix[row]![column]! : column - size === row ? 1 : 0,
  );
  for (let pivot = 0; pivot < size; pivot += 1) {
    const found = work.findIndex((row, index) => index >= pivot && row[pivot] !== 0);
    if (found < 0) throw new RangeError('the rows of this matrix depend on each other');
    [work[pivot], work[found]] = [work[found] as Uint8Array, work[pivot] as Uint8Array];
    const row = work[pivot] as Uint8Array;
    scale(row, inverse(row[pivot]!));
    for (const other of work) if (other !== row) subtract(other, row, other[pivot]!);
  }
  return work.map((row) => row.slice(size));
}

function scale(row: Uint8Array, factor: number): void {
  for (let column = 0; column < row.length; column += 1) row[column] = multiply(row[column]!, factor);
}

function subtract(from: Uint8Array, row: Uint8Array, factor: number): void {
  for (let column = 0; column < row.length; column += 1) from[column] = from[column]! ^ multiply(row[column]!, factor);
}
