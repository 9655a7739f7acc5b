import { join } from 'node:path';
import { requireBlobName } from '../../blob-name.js';

export const markerName = 'marker';
export const stagingName = 'staging';

/**
 * Where things lie in a vault's folder:
 *
 *     marker                 sealed by the gateway
 *     staging/INSTANCE/N     what that opener is writing just now; never listed
 *     ab/abcdef…             blobs, by the first two characters of their names: at most 1,024 folders
 *
 * Staging is one place on the same disk, and not beside each blob, so that a listing never meets half a
 * blob, and what a dead opener left is found by looking into one folder instead of a thousand.
 */
export class Layout {
  readonly marker: string;
  readonly staging: string;

  constructor(readonly folder: string) {
    this.marker = join(folder, markerName);
    this.staging = join(folder, stagingName);
  }

  stagingOf(instance: string): string {
    return join(this.staging, instance);
  }

  shelf(shelf: string): string {
    return join(this.folder, shelf);
  }

  shelfOf(name: string): string {
    return this.shelf(requireBlobName(name).slice(0, 2));
  }

  blob(name: string): string {
    return join(this.shelfOf(name), name);
  }
}

export function isShelfName(name: string): boolean {
  return /^[a-z2-7]{2}$/.test(name);
}
