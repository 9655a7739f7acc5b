import { Injectable } from '@nestjs/common';
import { crc32 } from 'node:zlib';
import type { Response } from 'express';
import { ByteBudget } from '#chunks';
import { type Walked } from '../../files/index.js';
import { attachment, ContentExchange, ReadFile } from '../../transfers/index.js';
import { ArchivesFull } from '../faults.js';
import { ZipDirectory } from './zip-directory.js';
import { dataDescriptor, directoryRecord, endOfDirectory, localHeader, type ZipEntry } from './zip-format.js';
import { zipName } from './zip-names.js';

/** For the directories of all archives under way: about 300,000 files. Beside the byte budget, and small as long as nobody packs. */
const DIRECTORIES = 32 * 1024 * 1024;

/** What is to be packed, and what the first of it is called in the archive; a folder without a name gives only what is in it. */
export interface Packed {
  readonly entries: AsyncGenerator<Walked>;
  readonly as: string | null;
}

/**
 * Packs files and folders into one zip while it is sent: no temporary file, and nothing held but a directory record for each
 * file that was sent. A file is opened as any download is, checked frame by frame. Whatever goes wrong on the way cuts the
 * connection: the answer has no length, so a client sees that its end is missing; and so is the directory, without which no
 * program takes the bytes for an archive.
 */
@Injectable()
export class SendArchive {
  readonly #directories = new ByteBudget(DIRECTORIES);

  constructor(
    private readonly readFile: ReadFile,
    private readonly exchange: ContentExchange,
  ) {}

  /** Refuses what can be refused before the first byte: a path at which nothing is, too much at once. */
  async run(account: string, wanted: readonly Packed[], name: string, response: Response): Promise<void> {
    using directory = new ZipDirectory(this.#directories);
    const firsts: Walked[] = [];
    for (const { entries } of wanted) firsts.push((await entries.next()).value as Walked);
    if (this.#directories.used > DIRECTORIES / 2) throw new ArchivesFull();
    const archive = new Archive(account, directory, response, { readFile: this.readFile, exchange: this.exchange });
    setHeaders(response, name);
    if (response.req.method === 'HEAD') return void response.end();
    try {
      for (const [nth, { entries, as }] of wanted.entries()) {
        await archive.add(firsts[nth] as Walked, as);
        for await (const walked of entries) await archive.add(walked, as);
      }
      await archive.end();
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      response.removeHeader('Content-Disposition');
      throw error;
    }
  }
}

function setHeaders(response: Response, name: string): void {
  response.setHeader('Content-Type', 'application/zip');
  response.setHeader('Content-Disposition', attachment(`${name}.zip`));
  response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
}

interface Rooms {
  readonly readFile: ReadFile;
  readonly exchange: ContentExchange;
}

/** One archive on its way out. */
class Archive {
  #sent = 0;

  constructor(
    private readonly account: string,
    private readonly directory: ZipDirectory,
    private readonly response: Response,
    private readonly rooms: Rooms,
  ) {}

  async add({ below, node, file }: Walked, as: string | null): Promise<void> {
    const path = [...(as === null ? [] : [as]), ...below].map(zipName).join('/');
    if (path === '') return;
    const modifiedAt = file?.version.version_modified_at ?? node.modified_at;
    const name = Buffer.from(file ? path : `${path}/`);
    const entry = { name, modifiedAt, size: file?.version.size ?? 0 };
    const offset = this.#sent;
    // Looked at before its header goes out: a forged row of the first file is still an answer of its own.
    const open = file && (await this.rooms.readFile.found(this.account, file));
    await this.#write(localHeader(entry));
    const crc = open ? await this.#sendBytes(open, entry) : 0;
    this.directory.add(directoryRecord(entry, { crc, offset }));
  }

  async end(): Promise<void> {
    const { directory } = this;
    const offset = this.#sent;
    for (const block of directory.blocks()) await this.#write(block);
    await this.#write(endOfDirectory({ entries: directory.entries, offset, size: directory.size }));
    this.response.end();
  }

  async #sendBytes(file: Awaited<ReturnType<ReadFile['found']>>, entry: ZipEntry): Promise<number> {
    let crc = 0;
    await this.rooms.exchange.append(file, this.response, (plain) => {
      crc = crc32(plain, crc);
      this.#sent += plain.length;
    });
    await this.#write(dataDescriptor(entry, crc));
    return crc;
  }

  #write(bytes: Buffer): Promise<void> {
    this.#sent += bytes.length;
    return this.rooms.exchange.write(this.response, bytes);
  }
}
