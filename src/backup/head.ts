import { BACKUP_HEADER_LENGTH, DEFAULT_CHUNK_LENGTH, sealedLength } from '#crypto';

/** What is put at once: as long as a full chunk is when it is sealed. */
export const UNIT = sealedLength(DEFAULT_CHUNK_LENGTH);
/** A head with so many pieces has about half a megabyte. */
const MOST_PIECES = 4096;
/** No sealed head is longer. */
export const LONGEST_HEAD = 1024 * 1024;
const HEAD_FORMAT = 1;

export interface HeadPiece {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
}

/** What is said of a backup that lies in pieces on a connection (docs/format.md). */
export interface BackupHead {
  readonly id: string;
  readonly madeAt: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** The file's first bytes, in base64: they would tell what it is. */
  readonly start: string;
  readonly pieces: readonly HeadPiece[];
}

export interface Cut {
  readonly offset: number;
  readonly length: number;
}

/** Where a file of so many bytes is cut: all after its beginning, which goes into the head. */
export function cutFile(bytes: number, unit: number): Cut[] {
  const body = bytes - BACKUP_HEADER_LENGTH;
  const most = unit * Math.max(1, Math.ceil(body / (unit * MOST_PIECES)));
  const cuts: Cut[] = [];
  for (let at = 0; at < body; at += most) {
    cuts.push({ offset: BACKUP_HEADER_LENGTH + at, length: Math.min(most, body - at) });
  }
  return cuts;
}

export function writeHead(head: BackupHead): string {
  const { id, madeAt, bytes, start, pieces } = head;
  return JSON.stringify({ format: HEAD_FORMAT, id, madeAt, bytes, start, pieces });
}

/** Of a text whose seal was right. Undefined where it was written in another format. */
export function readHead(text: string): BackupHead | undefined {
  const head = JSON.parse(text) as BackupHead & { format?: number };
  return head.format === HEAD_FORMAT ? head : undefined;
}
