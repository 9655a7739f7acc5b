import { Injectable } from '@nestjs/common';
import { openMarker, sealMarker, type Marker } from '#crypto';
import { findProvider, type StorageProvider } from '#storage';
import { Database } from '../database/index.js';
import { RootKeyring } from '../keys/index.js';
import { bumpGeneration, clearAlarm, type ConnectionRow, installationId, raiseAlarm } from './connections.store.js';
import { AHEAD, DeletionHold } from './deletion-hold.js';
import { MarkerAlarm } from './errors.js';
import { jumpBlobSequence, noteSeenMarker } from './holds.store.js';
import { blobSequence, hasBlobs, noteMarked, noteMarking, utmostMarking } from './marking.store.js';

export const FOREIGN = 'The folder there belongs to another gateway or connection, or its marker does not open.';
export const GONE = 'Our folder on this connection is gone: it was wiped, or another disk is mounted there.';

export interface Found {
  /** `newer`: it says more than this database has ever written there. */
  readonly whose: 'ours' | 'newer' | 'other' | 'nobody';
  readonly sequence: number;
}

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

  /** Whose the folder is, by its marker as it lies there now. Changes nothing. */
  async look(connection: Pick<ConnectionRow, 'id'>, provider: StorageProvider): Promise<Found> {
    return this.judge(connection, await provider.readMarker());
  }

  /** The same of a marker that somebody else has read there. */
  async judge({ id }: Pick<ConnectionRow, 'id'>, sealed: Buffer | null): Promise<Found> {
    if (!sealed) return { whose: 'nobody', sequence: 0 };
    const marker = this.open(sealed);
    const ours = await installationId(this.database);
    if (marker?.gateway !== ours || marker.connection !== id) return { whose: 'other', sequence: 0 };
    const { sequence } = marker;
    return { whose: sequence > (await utmostMarking(this.database, id)) ? 'newer' : 'ours', sequence };
  }

  /**
   * Checks the marker before the connection is used. A place that was never used, and has none, gets one. False when it
   * is ahead of the database: then an alarm stands, under which files are read and nothing is written or deleted.
   */
  async check(connection: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    const { whose, sequence } = await this.look(connection, provider);
    if (whose === 'nobody') {
      await this.begin(connection, provider);
      return true;
    }
    if (whose === 'other') throw new MarkerAlarm(FOREIGN);
    if (whose === 'newer') {
      await this.heedNewer(connection, sequence);
      return false;
    }
    if (connection.marked_at === null) await this.note(connection, sequence);
    return true;
  }

  /** What follows from a marker that is ahead of the database. */
  async heedNewer({ id }: Pick<ConnectionRow, 'id'>, sequence: number): Promise<void> {
    await this.hold.begin('ahead', null);
    await noteSeenMarker(this.database, id, sequence);
    await raiseAlarm(this.database, id, AHEAD);
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
    await this.writeOn(connection, provider);
    return true;
  }

  /** An admin has looked, and says that the database as it is now shall go on with what lies there. */
  async acknowledge(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    await jumpBlobSequence(this.database, 1);
    await this.writeOn(connection, provider);
    await clearAlarm(this.database, connection.id);
  }

  /** Makes the place ours once more after all that lay there was lost, and its loss was noted. */
  async beginAnew(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    await this.acknowledge(connection, provider);
    await bumpGeneration(this.database, connection.id);
  }

  async write(connection: string, provider: StorageProvider, sequence: number): Promise<void> {
    const gateway = await installationId(this.database);
    await provider.writeMarker(sealMarker(this.roots.current.markerSeal, { gateway, connection, sequence }));
  }

  /** What the place is found to fail together with now: the disk, the host, the vendor's account. Null where that cannot be told. */
  whereabouts(row: Pick<ConnectionRow, 'provider' | 'settings'>): Promise<string | null> {
    return whereaboutsOf(row);
  }

  /** What it says is noted before and after it is written: a marker that says more is another database's. */
  private async writeOn(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    const sequence = await blobSequence(this.database);
    await noteMarking(this.database, connection.id, sequence);
    await this.write(connection.id, provider, sequence);
    await this.note(connection, sequence);
  }

  private async note(connection: ConnectionRow, sequence: number): Promise<void> {
    const on = await this.whereabouts(connection);
    await noteMarked(this.database, connection.id, { sequence, epoch: this.epoch, on });
  }

  /** An empty mount point looks like a new place; only one that holds nothing of ours may be taken for one. */
  private async begin(connection: ConnectionRow, provider: StorageProvider): Promise<void> {
    if (await hasBlobs(this.database, connection.id)) throw new MarkerAlarm(GONE);
    await this.write(connection.id, provider, 0);
    await this.note(connection, 0);
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

export async function whereaboutsOf({
  provider,
  settings,
}: Pick<ConnectionRow, 'provider' | 'settings'>): Promise<string | null> {
  return (
    (await findProvider(provider)
      ?.domainOf(settings)
      .catch(() => null)) ?? null
  );
}
