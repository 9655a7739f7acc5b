import type { BlobName } from '../../provider.js';
import type { Graph } from './graph.js';
import { readItem } from './items.js';
import { blobPath, byId, type Place } from './our-folder.js';

/** How a drive says that it destroys nothing, or not for us. */
const notHere = [400, 403, 405, 501];

/**
 * A firm's drive destroys what it is told to; a personal one only knows its bin, which empties itself after 30 days and
 * which nobody but its owner can empty before. Where destroying is refused, the bin has to do.
 */
export class Deleting {
  private destroys = true;

  constructor(private readonly graph: Graph) {}

  /** False when nothing was there. */
  async blob(place: Place, name: BlobName, signal?: AbortSignal): Promise<boolean> {
    const path = blobPath(place, name);
    if (place.personal || !this.destroys) return this.toBin(path, signal);
    const found = await this.graph.get(path, { $select: 'id' }, { accept: [404], signal });
    if (found.status === 404) return false;
    const { id } = readItem(found.json);
    const drive = `/drives/${encodeURIComponent(place.driveId)}/items/${encodeURIComponent(id)}`;
    // No body at all: Microsoft asks for none.
    const told = await this.graph.post(`${drive}/permanentDelete`, undefined, { accept: [404, ...notHere], signal });
    if (told.status < 300) return true;
    const binned = await this.toBin(byId(id), signal);
    // Only now: what may be neither destroyed nor deleted is no matter of bins.
    if (binned) this.destroys = false;
    return binned;
  }

  private async toBin(path: string, signal?: AbortSignal): Promise<boolean> {
    return (await this.graph.delete(path, { accept: [404], signal })).status !== 404;
  }
}
