import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setPriority } from 'node:os';
import { dirname, extname, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { PictureBroken, PictureLocked, PictureTooCostly, PictureTooLarge, PreviewsBusy } from '../faults.js';
import type { Loader } from './picture-kinds.js';

/** More than the largest cameras make; a decoder that reads in lines needs little for them, one that cannot is refused memory. */
const MOST_PIXELS = 200_000_000;
/** 512 MiB, in pages of 64 KiB. Of a PDF 384 MiB, since what makes a WebP of its page comes after. */
const MOST_PAGES = 8192;
const MOST_PAGES_OF_PDF = 6144;
/** Of a processor’s time, and of the clock’s: it stands back behind transfers, so that it may have to wait. */
const MOST_CPU_MS = 10_000;
const MOST_MS = 60_000;
const LOOK_MS = 500;
/** Far above what 1024 by 1024 pixels of noise come to. */
const MOST_OUTPUT = 2 * 1024 * 1024;

/** As the built program, or as its source where that runs. */
const beside = (name: string): string =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
const PROGRAM = beside('decode-picture');
const DRAWER = beside('draw-page');
const installed = (name: string): string => createRequire(import.meta.url).resolve(name);
const addressOf = (path: string): string => pathToFileURL(path).href;
/** A third of a processor where all others are busy: behind transfers, and not starved by them. */
const NICENESS = 5;

export interface Picture {
  readonly loader: Loader;
  readonly length: number;
  readonly bytes: AsyncIterable<Buffer>;
}

/**
 * Makes small pictures, of pictures and of the first pages of PDFs, each in a process of its own that may reach nothing;
 * docs/decisions/previews.md says why.
 */
@Injectable()
export class PictureDecoder implements OnModuleDestroy {
  private readonly log = new Logger('sharing');
  private readonly running = new Set<ChildProcess>();
  /** A test that waits for it takes less. */
  mostCpuMs = MOST_CPU_MS;

  /** WebP of at most this side. Throws what the bytes throw, or which fault of the picture it was. */
  async run(picture: Picture, side: number): Promise<Buffer> {
    const child = this.#start(picture, side);
    const end = performance.now() + MOST_MS;
    const timer = setInterval(() => {
      if (performance.now() > end || cpuMsOf(child.pid) > this.mostCpuMs) child.kill('SIGKILL');
    }, LOOK_MS);
    try {
      const closed = once(child, 'close');
      const [output] = await Promise.all([collect(child), feed(child, picture.bytes), closed]);
      return this.#verdict(child, output);
    } catch (error) {
      child.kill('SIGKILL');
      throw (error as NodeJS.ErrnoException).syscall?.startsWith('spawn') ? new PreviewsBusy({ cause: error }) : error;
    } finally {
      clearInterval(timer);
      this.running.delete(child);
    }
  }

  onModuleDestroy(): void {
    for (const child of this.running) child.kill('SIGKILL');
  }

  #start({ loader, length }: Picture, side: number): ChildProcess {
    const isPdf = loader === 'Pdf';
    const library = dirname(installed('wasm-vips/vips.wasm'));
    const ofPdf = isPdf ? [DRAWER, installed('@embedpdf/pdfium/pdfium.wasm')] : [];
    const allowed = [PROGRAM, library + sep, ...ofPdf].map((path) => `--allow-fs-read=${path}`);
    const flags = ['--permission', '--allow-worker', ...allowed, '--max-old-space-size=64', '--no-warnings'];
    const bounds = [length, side, MOST_PIXELS, isPdf ? MOST_PAGES_OF_PDF : MOST_PAGES];
    const words = [addressOf(library), loader, ...bounds.map(String), ...ofPdf.map(addressOf)];
    const stdio = ['pipe', 'ignore', 'ignore', 'pipe'] as const;
    const child = spawn(process.execPath, [...flags, PROGRAM, ...words], { env: {}, cwd: library, stdio: [...stdio] });
    this.running.add(child);
    if (child.pid !== undefined) yieldTo(child.pid);
    return child;
  }

  #verdict({ exitCode, signalCode }: ChildProcess, output: Buffer): Buffer {
    if (exitCode === 3) throw new PictureTooLarge();
    if (exitCode === 4) throw new PictureBroken();
    if (exitCode === 6) throw new PictureLocked();
    const isPicture = output.toString('latin1', 0, 4) === 'RIFF' && output.toString('latin1', 8, 12) === 'WEBP';
    if (exitCode === 0 && isPicture) return output;
    this.log.warn(`A picture’s decoder ended with ${exitCode ?? signalCode}.`);
    throw new PictureTooCostly();
  }
}

/** Transfers go before previews; and where memory runs out, the system ends this process and not the gateway. */
function yieldTo(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch {
    // Ended already, or not allowed here: it does its work all the same.
  }
  if (process.platform === 'linux') writeFile(`/proc/${pid}/oom_score_adj`, '1000').catch(() => {});
}

/** Where the system tells: fields 14 and 15 of proc_pid_stat(5), in hundredths of a second. */
function cpuMsOf(pid: number | undefined): number {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  try {
    const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ');
    const [user = '0', system = '0'] = fields.split(' ').slice(11, 13);
    return (Number(user) + Number(system)) * 10;
  } catch {
    return 0;
  }
}

/** A decoder that has ended takes no more bytes; its exit code says why. */
async function feed(child: ChildProcess, bytes: AsyncIterable<Buffer>): Promise<void> {
  if (!child.stdin) return;
  await pipeline(Readable.from(bytes, { objectMode: false }), child.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
      throw error;
  });
}

async function collect(child: ChildProcess): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of (child.stdio[3] as Readable | null) ?? []) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length > MOST_OUTPUT) throw new PictureTooCostly();
  }
  return Buffer.concat(parts);
}
