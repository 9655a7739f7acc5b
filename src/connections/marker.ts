import { Injectable } from '@nestjs/common';
import { openMarker, sealMarker, type Marker } from '#crypto';
import type { StorageProvider } from '#storage';
import { Database } from '../database/index.js';
import { RootKeyring } from '../keys/index.js';
import {
  blobSequence,
  hasBlobs,
  installationId,
  noteMarked,
  raiseAlarm,
  type ConnectionRow,
} from './connections.store.js';
import { MarkerAlarm } from './errors.js';

/**
 * The sealed marker in our folder on a connection says whose folder it is and how far our database
 * had come when it was last written. It stands between a wrong disk, or a restored backup of the
 * database, and a sweep that would take everything there for orphans.
 */
@Injectable()
export class Markers {
  constructor(
    private readonly database: Database,
    private readonly roots: RootKeyring,
  ) {}

  /** Checks the marker before the connection is used. A place without one is new or was wiped, and gets one. */
  async check(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    const sealed = await provider.readMarker();
    if (!sealed) return this.begin(connection, provider);
    const marker = this.open(sealed);
    const ours = await installationId(this.database);
    if (marker?.gateway !== ours || marker.connection !== connection.id) {
      return this.alarm(connection, 'The folder there belongs to another gateway or connection.');
    }
    if (marker.sequence > (await blobSequence(this.database))) {
      await this.alarm(connection, 'The connection has seen newer files than this database: was a backup restored?');
    }
  }

  /** Writes how far the database has come, when that changed. */
  async advance(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    const sequence = await blobSequence(this.database);
    if (sequence <= connection.marked_sequence) return;
    await this.write(connection.id, provider, sequence);
    await noteMarked(this.database, connection.id, sequence);
  }

  async write(connection: string, provider: StorageProvider, sequence: number): Promise<void> {
    const gateway = await installationId(this.database);
    await provider.writeMarker(sealMarker(this.roots.current.markerSeal, { gateway, connection, sequence }));
  }

  /** An empty mount point looks like a new place; only one that was never marked, or holds nothing of ours, may be one. */
  private async begin(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    if (connection.marked_at !== null && (await hasBlobs(this.database, connection.id))) {
      throw new MarkerAlarm('Our folder on this connection is gone: it was wiped, or another disk is mounted there.');
    }
    await this.write(connection.id, provider, 0);
    await noteMarked(this.database, connection.id, 0);
  }

  private open(sealed: Buffer): Marker | undefined {
    for (const root of this.roots.all()) {
      try {
        return openMarker(root.markerSeal, sealed);
      } catch {
        // Sealed under another epoch, or by somebody else: the next key tells.
      }
    }
    return undefined;
  }

  private async alarm(connection: ConnectionRow, message: string): Promise<never> {
    await raiseAlarm(this.database, connection.id, message);
    throw new MarkerAlarm(message);
  }
}
