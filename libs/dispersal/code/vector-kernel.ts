import {
  i32Add,
  I32,
  i32Const,
  i32LessThan,
  i8x16ShiftRight,
  i8x16Swizzle,
  localGet,
  localSet,
  localTee,
  loopWhile,
  moduleOf,
  v128And,
  v128Load,
  v128Splat,
  v128Store,
  v128Xor,
  V128,
  type Code,
} from './assembler.js';
import { multiply } from './field.js';
import type { Matrix } from './matrix.js';

/** What we use of WebAssembly; neither Node's types nor a library without a DOM have it. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: object) => { exports: { run: Kernel } };
};

/** Turns the first so many bytes of the input tiles into the output tiles. */
type Kernel = (length: number) => void;

const MOST_INPUTS = 16;
const MOST_OUTPUTS = 8;
/** Columns that are worked on at a time. All tiles of a 4+2 lie in the processor's second cache; smaller ones are copied no faster. */
const TILE = 16 * 1024;
const STEP = 16;

/** The memory: a pair of tables for each coefficient, the input tiles, the output tiles. */
const TABLES_END = MOST_INPUTS * MOST_OUTPUTS * 32;
const inputAt = (input: number): number => TABLES_END + input * TILE;
const outputAt = (output: number): number => inputAt(MOST_INPUTS + output);
const PAGES = Math.ceil(outputAt(MOST_OUTPUTS) / 65_536);

const memory = new WebAssembly.Memory({ initial: PAGES });
const bytes = new Uint8Array(memory.buffer);
const kernels = new Map<string, Kernel>();

/** Products of each coefficient with all low and all high halves of a byte: 2 × 16 bytes each. */
const HALVES = Uint8Array.from({ length: 256 * 32 }, (_, index) => {
  const half = index % 16;
  return multiply(index >> 5, index & 16 ? half << 4 : half);
});
let tablesOf: Matrix | undefined;

/**
 * outputs[r] = Σ matrix[r][c] · inputs[c], byte by byte; all of one length. Works through the columns
 * in tiles, in a memory of its own of 400 KiB, whatever the length. Nothing else runs meanwhile, so
 * whoever has much to do cuts it into slices.
 */
export function combine(matrix: Matrix, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
  const run = kernelFor(matrix, inputs.length);
  const length = inputs[0]?.length ?? 0;
  for (let at = 0; at < length; at += TILE) {
    const end = Math.min(at + TILE, length);
    inputs.forEach((input, index) => bytes.set(input.subarray(at, end), inputAt(index)));
    run(end - at);
    outputs.forEach((output, index) => {
      const from = outputAt(index);
      output.set(bytes.subarray(from, from + end - at), at);
    });
  }
}

function kernelFor(matrix: Matrix, inputs: number): Kernel {
  const sum = matrix.length === 1 && matrix[0]!.every((coefficient) => coefficient === 1);
  if (!sum) loadTables(matrix);
  const shape = `${inputs} to ${sum ? 'their sum' : matrix.length}`;
  let kernel = kernels.get(shape);
  if (!kernel) {
    const module = new WebAssembly.Module(sum ? sumModule(inputs) : productModule(inputs, matrix.length));
    kernel = new WebAssembly.Instance(module, { env: { memory } }).exports.run;
    kernels.set(shape, kernel);
  }
  return kernel;
}

function loadTables(matrix: Matrix): void {
  if (matrix === tablesOf) return;
  matrix.forEach((row, output) =>
    row.forEach((coefficient, input) =>
      bytes.set(HALVES.subarray(coefficient * 32, coefficient * 32 + 32), tableAt(output, input)),
    ),
  );
  tablesOf = matrix;
}

function tableAt(output: number, input: number): number {
  return (output * MOST_INPUTS + input) * 32;
}

const LENGTH = 0;
const AT = 1;

/** The XOR of all inputs. */
function sumModule(inputs: number): Uint8Array<ArrayBuffer> {
  const addInput = (_: unknown, input: number): Code => [
    ...localGet(AT),
    ...v128Load(inputAt(input)),
    ...(input === 0 ? [] : v128Xor),
  ];
  return moduleOf(
    [{ count: 1, type: I32 }],
    loopWhile(localGet(AT), ...Array.from({ length: inputs }, addInput), v128Store(outputAt(0)), step()),
  );
}

/**
 * A product with a constant is two look-ups, of the byte's low and high half, 16 bytes at a time
 * (Plank, Greenan, Miller: Screaming Fast Galois Field Arithmetic Using Intel SIMD Instructions, FAST 2013).
 * Each input is read once and counted into every output.
 */
function productModule(inputs: number, outputs: number): Uint8Array<ArrayBuffer> {
  const LOW = 2;
  const HIGH = 3;
  const sum = (output: number): number => 4 + output;
  const half = (local: number, table: number): Code => [
    ...i32Const(0),
    ...v128Load(table),
    ...localGet(local),
    ...i8x16Swizzle,
  ];
  const count = (input: number, output: number): Code => [
    ...half(LOW, tableAt(output, input)),
    ...half(HIGH, tableAt(output, input) + 16),
    ...v128Xor,
    ...(input === 0 ? [] : [...localGet(sum(output)), ...v128Xor]),
    ...localSet(sum(output)),
  ];
  const each = <T>(number: number, what: (index: number) => T): T[] =>
    Array.from({ length: number }, (_, i) => what(i));
  const readInput = (input: number): Code => [
    ...[...localGet(AT), ...v128Load(inputAt(input)), ...localTee(LOW), ...i32Const(4), ...i8x16ShiftRight],
    ...[...localSet(HIGH), ...localGet(LOW), ...v128Splat(0x0f), ...v128And, ...localSet(LOW)],
    ...each(outputs, (output) => count(input, output)).flat(),
  ];
  const write = (output: number): Code => [...localGet(AT), ...localGet(sum(output)), ...v128Store(outputAt(output))];
  return moduleOf(
    [
      { count: 1, type: I32 },
      { count: 2 + outputs, type: V128 },
    ],
    loopWhile(...each(inputs, readInput), ...each(outputs, write), step()),
  );
}

/** On to the next 16 columns; leaves whether there are any. What lies behind the last column may be written and is read by nobody. */
function step(): Code {
  return [...localGet(AT), ...i32Const(STEP), ...i32Add, ...localTee(AT), ...localGet(LENGTH), ...i32LessThan];
}
