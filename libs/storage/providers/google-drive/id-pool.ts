import { ConnectionAway } from '../../errors.js';
import type { BlobName } from '../../provider.js';
import type { DriveApi } from './drive-api.js';
import { isDriveId } from './drive-id.js';

const batch = 100;

/** Ids for files to come, fetched a hundred at a time. Those that are left when the gateway stops cost nothing. */
export class IdPool {
  private readonly ids: BlobName[] = [];
  private fetching: Promise<void> | null = null;

  constructor(private readonly api: DriveApi) {}

  async take(signal?: AbortSignal): Promise<BlobName> {
    for (;;) {
      signal?.throwIfAborted();
      const id = this.ids.pop();
      if (id !== undefined) return id;
      // Not bound to one caller's signal: others wait for the same batch.
      this.fetching ??= this.fetch().finally(() => (this.fetching = null));
      await this.fetching;
    }
  }

  private async fetch(): Promise<void> {
    const usable = (await this.api.generateIds(batch)).filter(isDriveId);
    if (usable.length === 0) throw new ConnectionAway('Google hands out ids of a kind that we do not know.');
    this.ids.push(...usable);
  }
}
