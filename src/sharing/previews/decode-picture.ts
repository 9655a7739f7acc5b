import { constants, readSync, writeSync } from 'node:fs';
import threads, { type WorkerOptions } from 'node:worker_threads';
import type Vips from 'wasm-vips';

/**
 * The program that makes a small picture of a large one, in a process of its own: bytes come by the standard input, the
 * picture goes out by descriptor 3, the exit code says why not. It stands alone and imports nothing of the gateway; it is
 * started without environment, files, network or further programs, and what it decodes with is WebAssembly, whose memory
 * ends where it is told. So a picture that takes over its decoder has the pixels of that one picture, and nothing else.
 */
/** What is used of it here; TypeScript has its types among those of browsers alone. */
interface MemoryLimits {
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}
declare const WebAssembly: { Memory: new (limits: MemoryLimits) => object; RuntimeError: new () => Error };

const [library = '', loader = '', length = '0', side = '0', mostPixels = '0', mostPages = '0'] = process.argv.slice(2);

const EXIT = { tooLarge: 3, broken: 4, gaveUp: 5 } as const;

/** The library asks Node for the numbers of open(2) by a way that is closed under the permission model. */
Object.defineProperty(process, 'binding', { value: () => ({ fs: constants }) });

if (threads.isMainThread) process.exit(await run());
else await import(`${library}/vips-node.mjs`);

async function run(): Promise<number> {
  boundMemory();
  startThreadsHere();
  const bytes = readAll();
  const { default: open } = (await import(`${library}/vips-node.mjs`)) as { default: typeof Vips };
  const dynamicLibraries = loader === 'Heif' ? ['vips-heif.wasm'] : [];
  const vips = await open({ dynamicLibraries, print() {}, printErr() {} });
  vips.concurrency(1);
  vips.blockUntrusted(true);
  vips.operationBlock('VipsForeignLoad', true);
  vips.operationBlock(`VipsForeignLoad${loader}`, false);
  try {
    return writeSmall(vips, bytes);
  } catch (error) {
    // What the library throws is about the picture; what WebAssembly throws is about memory, or worse.
    return error instanceof WebAssembly.RuntimeError || error instanceof RangeError ? EXIT.gaveUp : EXIT.broken;
  }
}

function writeSmall(vips: typeof Vips, bytes: Uint8Array): number {
  const source = vips.Source.newFromMemory(bytes);
  const { width, height } = vips.Image.newFromSource(source);
  if (width * height > Number(mostPixels)) return EXIT.tooLarge;
  const small = vips.Image.thumbnailSource(source, Number(side), {
    height: Number(side),
    size: 'down',
    output_profile: 'srgb',
  });
  // Nothing is kept of what cameras and programs write beside the pixels.
  const out = small.webpsaveBuffer({ Q: 80, keep: 'none' });
  for (let at = 0; at < out.length;) at += writeSync(3, out, at);
  return 0;
}

function readAll(): Uint8Array {
  const bytes = Buffer.alloc(Number(length));
  for (let at = 0; at < bytes.length;) {
    const read = readSync(0, bytes, at, bytes.length - at, null);
    if (read === 0) process.exit(EXIT.broken);
    at += read;
  }
  return bytes;
}

/** The library may take 2 GiB; it is given less, and what it cannot have it does without or fails for. */
function boundMemory(): void {
  const Memory = WebAssembly.Memory;
  const bounded = function (limits: MemoryLimits): object {
    return new Memory({ ...limits, maximum: Math.min(limits.maximum ?? Infinity, Number(mostPages)) });
  };
  WebAssembly.Memory = bounded as unknown as typeof Memory;
}

/** Its threads begin in this file too, where the line above holds for them. */
function startThreadsHere(): void {
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(_: string | URL, options: WorkerOptions) {
      super(new URL(import.meta.url), { ...options, argv: [library] });
    }
  };
}
