import { randomBytes, randomInt } from 'node:crypto';
import { ConnectionAway } from '../../errors.js';
import { type DriveApi, folderType } from './drive-api.js';
import type { Home } from './home.js';
import type { IdPool } from './id-pool.js';

/**
 * The folders below ours that blobs lie in: Drive allows 500,000 files in one. A blob is found by its id, so it does
 * not matter which shelf it lies on, nor that a gateway that does not see a new shelf yet makes another one.
 */
export class Shelves {
  private current: Promise<string> | null = null;
  private readonly full = new Set<string>();

  constructor(
    private readonly api: DriveApi,
    private readonly home: Home,
    private readonly ids: IdPool,
  ) {}

  /** One with room, for all that goes on. Throws ConnectionAway where our folder is not there. */
  async choose(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    // Not bound to one caller's signal: others wait for the same shelf.
    const choosing = (this.current ??= this.find());
    try {
      return await choosing;
    } catch (error) {
      if (this.current === choosing) this.current = null;
      throw error;
    } finally {
      signal?.throwIfAborted();
    }
  }

  forget(): void {
    this.current = null;
  }

  markFull(shelf: string): void {
    this.full.add(shelf);
    this.current = null;
  }

  private async find(): Promise<string> {
    const query = `'${this.home.folder}' in parents and mimeType = '${folderType}' and trashed = false`;
    const found = await this.api.search({ query });
    if (!found) {
      await this.home.require();
      throw new ConnectionAway();
    }
    const usable = found.files.filter(({ id }) => !this.full.has(id));
    // Any of them, so that several gateways do not all fill the same.
    return usable.length > 0 ? usable[randomInt(usable.length)]!.id : this.make();
  }

  private async make(): Promise<string> {
    await this.home.require();
    const id = await this.ids.take();
    const made = await this.api.makeFolder({ id, name: shortName(), parent: this.home.folder });
    if (!made) throw new ConnectionAway('Google has given away an id twice.');
    return id;
  }
}

/** What a person sees in the Drive: it tells nothing, and nobody asks for it. */
export function shortName(): string {
  return randomBytes(6).toString('hex');
}
