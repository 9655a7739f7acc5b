import { createHash } from 'node:crypto';

/** A row of the record, as text where Postgres holds more than a number or a Date can: a tampered one is still read, and found. */
export interface ChainRow {
  readonly seq: string;
  /** Microseconds since 1970. */
  readonly at: string;
  readonly account: string;
  readonly actor: string | null;
  readonly action: string;
  readonly subject: string | null;
  readonly details: string;
}

export interface ChainedRow extends ChainRow {
  readonly prev_hash: Buffer;
  readonly hash: Buffer;
}

export const NOTHING_BEFORE = Buffer.alloc(32);

/**
 * SHA-256 over: a version, the hash before, then each field as presence (1), length (4) and bytes, in this order. No two
 * rows have one encoding, so a hash that fits says that every field is what it was.
 */
export function hashOf(row: ChainRow, before: Buffer): Buffer {
  const hash = createHash('sha256').update('tessera record 1\0').update(before);
  for (const field of [row.seq, row.at, row.account, row.actor, row.action, row.subject, row.details]) {
    hash.update(framed(field));
  }
  return hash.digest();
}

function framed(field: string | null): Buffer {
  if (field === null) return Buffer.from([0, 0, 0, 0, 0]);
  const bytes = Buffer.from(field);
  const frame = Buffer.alloc(5 + bytes.length);
  frame[0] = 1;
  frame.writeUInt32BE(bytes.length, 1);
  bytes.copy(frame, 5);
  return frame;
}
