import { crc32, deflateSync } from 'node:zlib';
import vipsFactory from 'wasm-vips';

/** The library itself, to make and to look at pictures. */
let opened: ReturnType<typeof vipsFactory> | undefined;
export const vips = () => (opened ??= vipsFactory({ dynamicLibraries: ['vips-heif.wasm'], print() {}, printErr() {} }));

/** Left half red, right half blue; 400 wide and 200 high, unless told otherwise. */
export async function redAndBlue(width = 400, height = 200) {
  const { Image } = await vips();
  const half = (colour: number[]) =>
    Image.black(width / 2, height)
      .newFromImage(colour)
      .copy({ interpretation: 'srgb' })
      .cast('uchar');
  return half([220, 20, 20]).join(half([20, 20, 220]), 'horizontal');
}

/** A picture that nothing makes small: noise. */
export async function noise(width: number, height: number) {
  const { Image } = await vips();
  const band = (seed: number) => Image.gaussnoise(width, height, { mean: 128, sigma: 60, seed }).cast('uchar');
  return band(1)
    .bandjoin([band(2), band(3)])
    .copy({ interpretation: 'srgb' });
}

/** What a camera writes before the pixels: an orientation, and where it was. */
export function withExif(jpeg: Uint8Array, orientation: number, words: string): Buffer {
  const comment = Buffer.from(`${words}\0`, 'latin1');
  const tiff = Buffer.alloc(8 + 2 + 2 * 12 + 4);
  tiff.write('MM\0*', 0, 'latin1');
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(2, 8);
  const entry = (at: number, tag: number, type: number, count: number) => {
    tiff.writeUInt16BE(tag, at);
    tiff.writeUInt16BE(type, at + 2);
    tiff.writeUInt32BE(count, at + 4);
  };
  entry(10, 0x010e, 2, comment.length);
  tiff.writeUInt32BE(tiff.length, 18);
  entry(22, 0x0112, 3, 1);
  tiff.writeUInt16BE(orientation, 30);
  const payload = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff, comment]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(payload.length + 2, 2);
  const bytes = Buffer.from(jpeg);
  return Buffer.concat([bytes.subarray(0, 2), head, payload, bytes.subarray(2)]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(4);
  frame.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([frame, body, sum]);
}

/** A PNG of one bit for each pixel: a few kilobytes that unpack to as many as the sides say. */
export function blankPng(width: number, height: number, further: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(Math.min(height * (Math.ceil(width / 8) + 1), 4_000_000)), { level: 9 });
  const parts = [pngChunk('IHDR', header), ...further, pngChunk('IDAT', rows), pngChunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

/** A compressed note of a hundred megabytes in a picture of one pixel. */
export function notedPng(bytes: number): Buffer {
  const note = Buffer.concat([
    Buffer.from('Comment\0\0', 'latin1'),
    deflateSync(Buffer.alloc(bytes, 97), { level: 9 }),
  ]);
  return blankPng(1, 1, [pngChunk('zTXt', note)]);
}

/** A GIF of so many frames; the first is one colour and the others are another. */
export function gifOf(frames: number, side = 8): Buffer {
  const screen = Buffer.from([side, 0, side, 0, 0x80, 0, 0, 200, 30, 30, 30, 30, 200]);
  // Codes of three bits, a clear before every two pixels, so that the table never grows.
  const pixels = (colour: number): Buffer => {
    const codes: number[] = [];
    for (let nth = 0; nth < side * side; nth++) codes.push(...(nth % 2 === 0 ? [4, colour] : [colour]));
    codes.push(5);
    const bits = codes.map((code) => [code & 1, (code >> 1) & 1, (code >> 2) & 1]).flat();
    const packed = Buffer.alloc(Math.ceil(bits.length / 8));
    for (const [at, bit] of bits.entries()) packed[at >> 3]! |= bit << (at & 7);
    return Buffer.concat([Buffer.from([2, packed.length]), packed, Buffer.from([0])]);
  };
  const frame = (colour: number): Buffer =>
    Buffer.concat([Buffer.from([0x2c, 0, 0, 0, 0, side, 0, side, 0, 0]), pixels(colour)]);
  const parts = [Buffer.from('GIF89a', 'latin1'), screen, frame(0)];
  const next = frame(1);
  for (let nth = 1; nth < frames; nth++) parts.push(next);
  return Buffer.concat([...parts, Buffer.from([0x3b])]);
}

export interface Seen {
  readonly width: number;
  readonly height: number;
  /** The colour at a place, in parts of the sides. */
  at(x: number, y: number): number[];
  readonly fields: string[];
}

export async function look(webp: Buffer): Promise<Seen> {
  const { Image } = await vips();
  const image = Image.newFromBuffer(webp);
  const { width, height } = image;
  return {
    width,
    height,
    at: (x, y) => [...image.getpoint(Math.floor(x * (width - 1)), Math.floor(y * (height - 1)))].slice(0, 3),
    fields: [...image.getFields()] as string[],
  };
}
