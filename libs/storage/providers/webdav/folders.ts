import { ConnectionAway } from '../../errors.js';
import type { DavClient } from './dav-client.js';

/** Makes folders once, however many want them at the same time, and knows those that were there. */
export class Folders {
  private readonly known = new Map<string, Promise<void>>();

  constructor(private readonly dav: DavClient) {}

  /** Made one by one: those above come first. */
  async ensure(...paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const making = this.known.get(path) ?? this.make(path);
      this.known.set(path, making);
      await making.catch((error: unknown) => {
        if (this.known.get(path) === making) this.known.delete(path);
        throw error;
      });
    }
  }

  async isThere(path: string, signal?: AbortSignal): Promise<boolean> {
    const found = await this.dav.properties(path, 0, signal);
    return found?.[0]?.folder ?? false;
  }

  /** These are looked for again when they are needed next; without a word, all. */
  forget(...paths: readonly string[]): void {
    if (paths.length === 0) this.known.clear();
    for (const path of paths) this.known.delete(path);
  }

  /** Not bound to one caller's signal: others may wait for the same folder. Servers say in many ways that it exists. */
  private async make(path: string): Promise<void> {
    const status = await this.dav.makeFolder(path);
    if (status === 200 || status === 405 || (await this.isThere(path))) return;
    throw new ConnectionAway('There is no folder at this address.');
  }
}
