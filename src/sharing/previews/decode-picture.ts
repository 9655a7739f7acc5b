import { constants, readFileSync, readSync, writeSync } from 'node:fs';
import threads, { type WorkerOptions } from 'node:worker_threads';
import type Vips from 'wasm-vips';
import type { DrawnPage } from './draw-page.js';

/**
 * The program that makes a small picture of a large one, or of a PDF's first page, in a process of its own: bytes come by the
 * standard input, the picture goes out by descriptor 3, the exit code says why not. It stands alone and imports nothing of the
 * gateway but, for a PDF, what draws its page; it is started without environment, files, network or further programs, and what
 * it decodes with is WebAssembly, whose memory ends where it is told. So a picture that takes over its decoder has the pixels
 * of that one picture, and nothing else.
 */
/** What is used of it here; TypeScript has its types among those of browsers alone. */
interface MemoryLimits {
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}
declare const WebAssembly: { Memory: new (limits: MemoryLimits) => object; RuntimeError: new () => Error };

const words = process.argv.slice(2);
const [library = '', loader = '', length = '0', side = '0', mostPixels = '0', mostPages = '0'] = words;
const [drawer = '', pdfium = ''] = words.slice(6);

const EXIT = { tooLarge: 3, broken: 4, gaveUp: 5, locked: 6 } as const;

/** The library asks Node for the numbers of open(2) by a way that is closed under the permission model. */
Object.defineProperty(process, 'binding', { value: () => ({ fs: constants }) });
/** How its threads begin: the same, and then the library. Not with this file, which each would have to read and compile. */
const THREAD = `Object.defineProperty(process, 'binding', { value: () => ({ fs: require('node:fs').constants }) });
import(process.argv[2] + '/vips-node.mjs');`;

process.exit(await run());

async function run(): Promise<number> {
  const given = loader === 'Pdf' ? await drawn() : readAll();
  if (typeof given === 'number') return given;
  boundMemory();
  startThreadsHere();
  const { default: open } = (await import(`${library}/vips-node.mjs`)) as { default: typeof Vips };
  const dynamicLibraries = loader === 'Heif' ? ['vips-heif.wasm'] : [];
  const vips = await open({ dynamicLibraries, print() {}, printErr() {} });
  vips.concurrency(1);
  vips.blockUntrusted(true);
  vips.operationBlock('VipsForeignLoad', true);
  try {
    return 'pixels' in given ? write(encodePage(vips, given)) : writeSmall(vips, given);
  } catch (error) {
    // What the library throws is about the picture; what WebAssembly throws is about memory, or worse.
    return error instanceof WebAssembly.RuntimeError || error instanceof RangeError ? EXIT.gaveUp : EXIT.broken;
  }
}

/** The first page in pixels, or why there is none. Whatever its drawing throws, it ran out of something. */
async function drawn(): Promise<DrawnPage | number> {
  const { compiled, drawFirstPage } = (await import(drawer)) as typeof import('./draw-page.js');
  try {
    const bytes = { length: Number(length), readInto };
    const page = drawFirstPage(compiled(readFileSync(new URL(pdfium))), bytes, Number(side), Number(mostPages));
    return typeof page === 'string' ? EXIT[page] : page;
  } catch {
    return EXIT.gaveUp;
  }
}

function encodePage(vips: typeof Vips, { pixels, width, height }: DrawnPage): Vips.Image {
  const image = vips.Image.newFromMemory(pixels, width, height, 4, vips.BandFormat.uchar);
  return image.extractBand(0, { n: 3 }).copy({ interpretation: 'srgb' });
}

function writeSmall(vips: typeof Vips, bytes: Uint8Array): number {
  vips.operationBlock(`VipsForeignLoad${loader}`, false);
  const source = vips.Source.newFromMemory(bytes);
  const { width, height } = vips.Image.newFromSource(source);
  if (width * height > Number(mostPixels)) return EXIT.tooLarge;
  const small = vips.Image.thumbnailSource(source, Number(side), {
    height: Number(side),
    size: 'down',
    output_profile: 'srgb',
  });
  return write(small);
}

/** Nothing is kept of what cameras and programs write beside the pixels. */
function write(image: Vips.Image): number {
  const out = image.webpsaveBuffer({ Q: 80, keep: 'none' });
  for (let at = 0; at < out.length;) at += writeSync(3, out, at);
  return 0;
}

function readAll(): Uint8Array {
  const bytes = Buffer.alloc(Number(length));
  readInto(bytes);
  return bytes;
}

function readInto(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const read = readSync(0, bytes, at, bytes.length - at, null);
    if (read === 0) process.exit(EXIT.broken);
    at += read;
  }
}

/** The library may take 2 GiB; it is given less, and what it cannot have it does without or fails for. */
function boundMemory(): void {
  const Memory = WebAssembly.Memory;
  const bounded = function (limits: MemoryLimits): object {
    return new Memory({ ...limits, maximum: Math.min(limits.maximum ?? Infinity, Number(mostPages)) });
  };
  WebAssembly.Memory = bounded as unknown as typeof Memory;
}

function startThreadsHere(): void {
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(_: string | URL, options: WorkerOptions) {
      super(THREAD, { ...options, eval: true, argv: [library] });
    }
  };
}
