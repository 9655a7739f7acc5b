import { requireBlobName } from '../../blob-name.js';

export const markerName = 'marker';
export const nextMarkerName = 'marker.next';
export const stagingName = 'staging';

/**
 * Where things lie, below the folder that the person gave:
 *
 *     FOLDER/marker                 sealed by the gateway
 *     FOLDER/marker.next            whole already, about to become the marker
 *     FOLDER/staging/INSTANCE/N     what that opener is writing just now; never listed
 *     FOLDER/ab/abcdef…             blobs, by the first two characters of their names: at most 1,024 folders
 *
 * Folders end with a slash: servers redirect those who ask without it, and no redirect is followed.
 */
export class Layout {
  readonly folder: string;
  readonly staging: string;
  readonly stage: string;

  constructor(folder: string, instance: string) {
    this.folder = `${folder}/`;
    this.staging = `${folder}/${stagingName}/`;
    this.stage = this.stageOf(instance);
  }

  inFolder(name: string): string {
    return this.folder + name;
  }

  stageOf(instance: string): string {
    return `${this.staging}${instance}/`;
  }

  shelf(shelf: string): string {
    return `${this.folder}${shelf}/`;
  }

  shelfOf(name: string): string {
    return this.shelf(requireBlobName(name).slice(0, 2));
  }

  blob(name: string): string {
    return this.shelfOf(name) + name;
  }
}

export function isShelfName(name: string): boolean {
  return /^[a-z2-7]{2}$/.test(name);
}
