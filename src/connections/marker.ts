import { Injectable } from '@nestjs/common';
import { openMarker, sealMarker, type Marker } from '#crypto';
import type { StorageProvider } from '#storage';
import { Database } from '../database/index.js';
import { RootKeyring } from '../keys/index.js';
import {
  blobSequence,
  clearAlarm,
  hasBlobs,
  installationId,
  noteMarked,
  raiseAlarm,
  type ConnectionRow,
} from './connections.store.js';
import { AHEAD, DeletionHold } from './deletion-hold.js';
import { MarkerAlarm } from './errors.js';
import { jumpBlobSequence, noteSeenMarker } from './holds.store.js';

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
    private readonly hold: DeletionHold,
  ) {}

  /** The root epoch that a marker written now is sealed under. */
  get epoch(): number {
    return this.roots.currentEpoch;
  }

  /**
   * Checks the marker before the connection is used. A place that was never used, and has none, gets one. False when it
   * is ahead of the database: then an alarm stands, under which files are read and nothing is written or deleted.
   */
  async check(connection: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    const sealed = await provider.readMarker();
    if (!sealed) {
      await this.begin(connection, provider);
      return true;
    }
    const marker = this.open(sealed);
    const ours = await installationId(this.database);
    if (marker?.gateway !== ours || marker.connection !== connection.id) {
      throw new MarkerAlarm('The folder there belongs to another gateway or connection, or its marker does not open.');
    }
    if (marker.sequence > (await blobSequence(this.database))) {
      await this.hold.begin('ahead', null);
      await noteSeenMarker(this.database, connection.id, marker.sequence);
      await raiseAlarm(this.database, connection.id, AHEAD);
      return false;
    }
    if (connection.marked_at === null) await noteMarked(this.database, connection.id, marker.sequence, this.epoch);
    return true;
  }

  /**
   * Writes how far the database has come, when that changed, or when the marker lies under an older
   * root key. Looks first: a folder that vanished, or another one in its place, must not be made ours.
   */
  async advance(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    const sequence = await blobSequence(this.database);
    const current = connection.marked_epoch === this.epoch;
    if (current && sequence <= connection.marked_sequence) return;
    await this.rewrite(connection, provider);
  }

  /** Writes it over as it is, to see whether the place takes writes. False where nothing may be written there. */
  async rewrite(connection: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    if (!(await this.check(connection, provider))) return false;
    const sequence = await blobSequence(this.database);
    await this.write(connection.id, provider, sequence);
    await noteMarked(this.database, connection.id, sequence, this.epoch);
    return true;
  }

  /** An admin has looked, and says that the database as it is now shall go on with what lies there. */
  async acknowledge(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    await jumpBlobSequence(this.database, 1);
    const sequence = await blobSequence(this.database);
    await this.write(connection.id, provider, sequence);
    await clearAlarm(this.database, connection.id);
  }

  async write(connection: string, provider: StorageProvider, sequence: number): Promise<void> {
    const gateway = await installationId(this.database);
    await provider.writeMarker(sealMarker(this.roots.current.markerSeal, { gateway, connection, sequence }));
  }

  /** An empty mount point looks like a new place; only one that holds nothing of ours may be taken for one. */
  private async begin(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    if (await hasBlobs(this.database, connection.id)) {
      throw new MarkerAlarm('Our folder on this connection is gone: it was wiped, or another disk is mounted there.');
    }
    await this.write(connection.id, provider, 0);
    await noteMarked(this.database, connection.id, 0, this.epoch);
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
}
