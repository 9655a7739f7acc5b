import { randomUUID } from 'node:crypto';
import { appendFileSync, createReadStream, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PlainQuickXorHash } from './quick-xor-hash.js';

const mostInMemory = 1024 * 1024;

/** Bytes of a file, or of an upload so far: in memory while they are few, then in a file. */
export class Content {
  length = 0;
  private pieces: Buffer[] = [];
  private path: string | null = null;
  private readonly hash = new PlainQuickXorHash();

  constructor(private readonly folder: string) {}

  append(bytes: Buffer): this {
    this.hash.update(bytes);
    this.length += bytes.length;
    if (this.path !== null) appendFileSync(this.path, bytes);
    else this.pieces.push(bytes);
    if (this.path === null && this.length > mostInMemory) {
      this.path = join(this.folder, randomUUID());
      writeFileSync(this.path, Buffer.concat(this.pieces));
      this.pieces = [];
    }
    return this;
  }

  /** Base64, at the end; nothing may be appended afterwards. */
  get quickXorHash(): string {
    return this.hash.digest();
  }

  read(from: number, to: number): Buffer | Readable {
    if (this.path === null) return Buffer.concat(this.pieces).subarray(from, to);
    return createReadStream(this.path, { start: from, end: to - 1 });
  }

  remove(): void {
    if (this.path !== null) rmSync(this.path, { force: true });
  }
}
