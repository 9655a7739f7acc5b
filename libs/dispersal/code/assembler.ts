/**
 * As much of a WebAssembly assembler as the vector kernel needs: instructions as byte lists, and
 * the module around one exported function over an imported memory. The names are those of the
 * WebAssembly specification, which tells the numbers.
 */
export type Code = readonly number[];

export const I32 = 0x7f;
export const V128 = 0x7b;

export const localGet = (local: number): Code => [0x20, ...unsigned(local)];
export const localSet = (local: number): Code => [0x21, ...unsigned(local)];
export const localTee = (local: number): Code => [0x22, ...unsigned(local)];
export const i32Const = (value: number): Code => [0x41, ...signed(value)];
export const i32Add: Code = [0x6a];
export const i32LessThan: Code = [0x49];
/** Repeats its body while that leaves something other than 0. */
export const loopWhile = (...body: Code[]): Code => [0x03, 0x40, ...body.flat(), 0x0d, 0x00, 0x0b];

export const v128Load = (offset: number): Code => [...vector(0x00), 4, ...unsigned(offset)];
export const v128Store = (offset: number): Code => [...vector(0x0b), 4, ...unsigned(offset)];
export const v128Splat = (byte: number): Code => [...vector(0x0c), ...Array<number>(16).fill(byte)];
export const v128And: Code = vector(0x4e);
export const v128Xor: Code = vector(0x51);
export const i8x16ShiftRight: Code = vector(0x6d);
/** 16 look-ups at once in a table of 16 bytes. */
export const i8x16Swizzle: Code = vector(0x0e);

/** A module with the function `run(i32)`, working in the memory `env.memory`. Local 0 is its parameter. */
export function moduleOf(locals: readonly { count: number; type: number }[], ...body: Code[]): Uint8Array<ArrayBuffer> {
  const types = list([[0x60, ...list([[I32]]), ...list([])]]);
  const imports = list([[...name('env'), ...name('memory'), 0x02, 0x00, ...unsigned(1)]]);
  const functions = list([unsigned(0)]);
  const exports = list([[...name('run'), 0x00, ...unsigned(0)]]);
  const declared = list(locals.map(({ count, type }) => [...unsigned(count), type]));
  const code = list([sized([...declared, ...body.flat(), 0x0b])]);
  const sections = [
    section(1, types),
    section(2, imports),
    section(3, functions),
    section(7, exports),
    section(10, code),
  ];
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...sections.flat()]);
}

function vector(opcode: number): Code {
  return [0xfd, ...unsigned(opcode)];
}

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(content: Code): Code {
  return [...unsigned(content.length), ...content];
}

function name(text: string): Code {
  return sized([...Buffer.from(text)]);
}

/** LEB128: seven bits a byte, the lowest first. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return -0x40 <= value && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
