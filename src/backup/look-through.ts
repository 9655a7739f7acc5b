import { createHash } from 'node:crypto';
import { isBackupHeadName, openBackupHead, type RootEpoch } from '#crypto';
import { BlobMissing, BlobTruncated } from '#storage';
import { backupName, writeWhole } from './backup-folder.js';
import { PieceChanged, PieceMissing } from './errors.js';
import { type BackupHead, type HeadPiece, LONGEST_HEAD, readHead } from './head.js';

/** Somewhere where blobs of ours lie, and things of others. */
export interface BlobPlace {
  /** How to call it in a message. */
  readonly where: string;
  entries(): AsyncIterable<PlaceEntry>;
  /** Asked once, before the pieces of one backup are read. */
  find(pieces: readonly HeadPiece[]): Promise<void>;
  /** Throws BlobMissing, BlobTruncated. */
  read(piece: HeadPiece): AsyncIterable<Buffer>;
}

export interface PlaceEntry {
  readonly name: string;
  readonly length: number;
  read(): AsyncIterable<Buffer>;
}

export interface FoundBackup {
  /** As its file was called. */
  readonly name: string;
  readonly head: BackupHead;
  readonly place: BlobPlace;
}

export interface Found {
  readonly backups: readonly FoundBackup[];
  /** Names of heads that do not open: something was done to them there. */
  readonly spoilt: readonly string[];
}

const BLOB_NAME = /^[a-z2-7]{26}$/;
const SEAL = 40;
const STEP = 4096;

/**
 * Finds all backups in a place by their heads: by the heads' names, which the root key knows; under any other kind of name
 * (a provider's own ids, what a browser made of a download) by what opens, of what has a head's length.
 */
export async function findBackups(place: BlobPlace, keys: readonly RootEpoch[]): Promise<Found> {
  const backups: FoundBackup[] = [];
  const spoilt: string[] = [];
  for await (const entry of place.entries()) {
    const named = keys.filter(({ keys: root }) => isBackupHeadName(root, entry.name));
    const tried = BLOB_NAME.test(entry.name) || (entry.length - SEAL) % STEP !== 0 ? named : keys;
    if (tried.length === 0 || entry.length > LONGEST_HEAD) continue;
    const head = open(await gather(entry.read()), tried);
    if (head) backups.push({ name: backupName(head.id, new Date(head.madeAt)), head, place });
    else if (named.length > 0) spoilt.push(entry.name);
  }
  return { backups: backups.sort((one, other) => (one.head.madeAt < other.head.madeAt ? 1 : -1)), spoilt };
}

function open(sealed: Buffer, keys: readonly RootEpoch[]): BackupHead | undefined {
  for (const { keys: root } of keys) {
    try {
      return readHead(openBackupHead(root, sealed));
    } catch {
      // Another key's, or no head at all.
    }
  }
  return undefined;
}

/** Joins the pieces to the file that they were cut from. It is there whole, every digest compared, or not at all. */
export function fetchBackup({ head, place, name }: FoundBackup, path: string): Promise<void> {
  return writeWhole(path, async (write) => {
    await place.find(head.pieces);
    await write(joined(head, place, name));
  });
}

async function* joined({ bytes, start, pieces }: BackupHead, place: BlobPlace, backup: string): AsyncGenerator<Buffer> {
  const first = Buffer.from(start, 'base64');
  yield first;
  let total = first.length;
  for (const piece of pieces) {
    yield* checked(piece, place, backup);
    total += piece.bytes;
  }
  if (total !== bytes) throw new PieceChanged(place.where, backup);
}

async function* checked(piece: HeadPiece, place: BlobPlace, backup: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  try {
    for await (const bytes of place.read(piece)) {
      hash.update(bytes);
      yield bytes;
    }
  } catch (error) {
    if (error instanceof BlobMissing) throw new PieceMissing(place.where, backup, piece.name);
    if (error instanceof BlobTruncated) throw new PieceChanged(place.where, backup);
    throw error;
  }
  if (hash.digest('hex') !== piece.digest) throw new PieceChanged(place.where, backup);
}

async function gather(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
