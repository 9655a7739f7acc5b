/**
 * What a backup says, inside its seal and its compression: records of a kind (1 byte), a length (4 bytes, big-endian)
 * and so many bytes. One `begin`, then for each table one `table`, any number of `rows`, one `table-end`; at last one `end`.
 */
const KINDS = { begin: 1, table: 2, rows: 3, 'table-end': 4, end: 5 } as const;
export type Kind = keyof typeof KINDS;

export const BACKUP_FORMAT = 1;

export interface Begin {
  readonly format: number;
  readonly id: string;
  /** On the database's clock: the moment that the snapshot shows. */
  readonly madeAt: string;
  readonly installation: string;
  /** Those that had been applied. */
  readonly migrations: readonly string[];
  /** Where each sequence stood: at or after the snapshot. Null for one that was never used. */
  readonly sequences: Readonly<Record<string, string | null>>;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

export interface TableEnd {
  readonly rows: number;
  /** SHA-256 over the bytes of its `rows` records. */
  readonly digest: string;
}

export interface End {
  readonly tables: number;
  readonly rows: number;
  /** SHA-256 over all records before this one, heads included. */
  readonly digest: string;
}

export interface RawRecord {
  readonly kind: Kind;
  readonly head: Buffer;
  readonly body: Buffer;
}

const HEAD = 5;
const LARGEST = 16 * 1024 * 1024;
const BY_CODE = new Map(Object.entries(KINDS).map(([kind, code]) => [code as number, kind as Kind]));

export function record(kind: Kind, body: Buffer): RawRecord {
  const head = Buffer.alloc(HEAD);
  head[0] = KINDS[kind];
  head.writeUInt32BE(body.length, 1);
  return { kind, head, body };
}

export const jsonRecord = (kind: Kind, value: Begin | Table | TableEnd | End): RawRecord =>
  record(kind, Buffer.from(JSON.stringify(value)));

/** Thrown where the bytes are no records: with an honest seal around them, that is a defect of whoever wrote them. */
export class NoRecord extends Error {}

/** Joins pieces until a record is whole; holds no more than one of them. */
export async function* parseRecords(source: AsyncIterable<Uint8Array>): AsyncGenerator<RawRecord> {
  let held: Buffer[] = [];
  let length = 0;
  let wanted = HEAD;
  for await (const piece of source) {
    held.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    length += piece.length;
    if (length < wanted) continue;
    let joined = Buffer.concat(held);
    for (;;) {
      wanted = joined.length < HEAD ? HEAD : HEAD + lengthOf(joined);
      if (joined.length < wanted) break;
      yield { kind: kindOf(joined), head: joined.subarray(0, HEAD), body: joined.subarray(HEAD, wanted) };
      joined = joined.subarray(wanted);
    }
    held = [joined];
    length = joined.length;
  }
  if (length > 0) throw new NoRecord('The last record is cut off.');
}

function lengthOf(bytes: Buffer): number {
  const length = bytes.readUInt32BE(1);
  if (length > LARGEST) throw new NoRecord('A record is too long.');
  return length;
}

function kindOf(bytes: Buffer): Kind {
  const kind = BY_CODE.get(bytes[0]!);
  if (!kind) throw new NoRecord('There is no such kind of record.');
  return kind;
}
