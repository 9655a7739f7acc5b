import type { Response } from 'express';

/** What is gathered before it is written: a write for each entry would cost more than the entry. */
const PIECE = 32 * 1024;

export const PROLOGUE = '<?xml version="1.0" encoding="utf-8"?>\n';

/**
 * An answer in many parts, written as they come and never faster than the client takes them: a large folder is in memory
 * page by page. If something fails in the middle the connection breaks, so that half a listing cannot look like a whole one.
 */
export class MultiStatus {
  #gathered = '';
  #began = false;

  constructor(
    private readonly response: Response,
    private readonly stallMs: number,
  ) {}

  async add(xml: string): Promise<void> {
    this.#gathered += xml;
    if (this.#gathered.length >= PIECE) await this.#write();
  }

  async end(): Promise<void> {
    this.#gathered += '</D:multistatus>\n';
    await this.#write();
    this.response.end();
  }

  async #write(): Promise<void> {
    const { response } = this;
    let text = this.#gathered;
    this.#gathered = '';
    if (!this.#began) {
      this.#began = true;
      response.status(207).setHeader('Content-Type', 'application/xml; charset=utf-8');
      text = `${PROLOGUE}<D:multistatus xmlns:D="DAV:">\n${text}`;
    }
    if (response.destroyed || response.write(text)) return;
    await taken(response, this.stallMs);
  }
}

/** Until the client took what was written, or went away; one that takes nothing for too long is cut off. */
async function taken(response: Response, stallMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => response.destroy(), stallMs);
  response.once('drain', resolve).once('close', resolve);
  await promise;
  clearTimeout(timer);
  response.off('drain', resolve).off('close', resolve);
}

/** Properties of one file or folder by the status that they have in common. */
export function propstat(properties: string, status: string): string {
  return properties === ''
    ? ''
    : `<D:propstat><D:prop>${properties}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`;
}
