/**
 * The records of a zip archive as PKWARE's APPNOTE has them: stored, not compressed, in one pass. The digest of an entry is
 * known only behind its bytes, so it stands there, in a data descriptor, and once more in the directory at the end.
 */
export interface ZipEntry {
  /** A folder's ends with a slash. */
  readonly name: Buffer;
  readonly modifiedAt: Date;
  readonly size: number;
}

export interface ZipPlace {
  readonly crc: number;
  /** Where its local header begins. */
  readonly offset: number;
}

export interface ZipEnd {
  readonly entries: number;
  readonly offset: number;
  readonly size: number;
}

const MOST_16 = 0xffff;
const MOST_32 = 0xffffffff;
/** What can be read by everybody since 1993, and what needs Zip64. */
const PLAIN = 20;
const ZIP64 = 45;
/** Names are UTF-8. Sizes and digest follow the bytes; a folder has neither. */
const FOLDER_FLAGS = 0x0800;
const FILE_FLAGS = 0x0808;
const UNIX = 3 << 8;
const FILE_MODE = (0o100644 << 16) >>> 0;
const FOLDER_MODE = ((0o040755 << 16) | 0x10) >>> 0;

export function localHeader(entry: ZipEntry): Buffer {
  const large = isLarge(entry.size);
  const extra = Buffer.concat([large ? zip64([0, 0]) : Buffer.alloc(0), time(entry.modifiedAt)]);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  writeCommon(header, 4, entry, large);
  // The digest stays 0; so do the sizes, but where they say that they are found elsewhere.
  if (large) header.fill(0xff, 18, 26);
  header.writeUInt16LE(entry.name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, entry.name, extra]);
}

/** Behind the bytes of a file. */
export function dataDescriptor({ size }: ZipEntry, crc: number): Buffer {
  const large = isLarge(size);
  const descriptor = Buffer.alloc(large ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc, 4);
  for (const nth of [0, 1]) {
    if (large) descriptor.writeBigUInt64LE(BigInt(size), 8 + 8 * nth);
    else descriptor.writeUInt32LE(size, 8 + 4 * nth);
  }
  return descriptor;
}

/** What the directory at the end says of an entry. */
export function directoryRecord(entry: ZipEntry, { crc, offset }: ZipPlace): Buffer {
  const large = isLarge(entry.size);
  const far = isLarge(offset);
  const wide = [...(large ? [entry.size, entry.size] : []), ...(far ? [offset] : [])];
  const extra = Buffer.concat([wide.length > 0 ? zip64(wide) : Buffer.alloc(0), time(entry.modifiedAt)]);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(UNIX | ZIP64, 4);
  writeCommon(record, 6, entry, large || far);
  record.writeUInt32LE(crc, 16);
  for (const at of [20, 24]) record.writeUInt32LE(large ? MOST_32 : entry.size, at);
  record.writeUInt16LE(entry.name.length, 28);
  record.writeUInt16LE(extra.length, 30);
  record.writeUInt32LE(isFolder(entry) ? FOLDER_MODE : FILE_MODE, 38);
  record.writeUInt32LE(far ? MOST_32 : offset, 42);
  return Buffer.concat([record, entry.name, extra]);
}

/** The very end, by which a reader finds the directory; an archive without it is none. */
export function endOfDirectory(end: ZipEnd): Buffer {
  const { entries, offset, size } = end;
  const wide = entries >= MOST_16 || isLarge(offset) || isLarge(size);
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  for (const at of [8, 10]) record.writeUInt16LE(Math.min(entries, MOST_16), at);
  record.writeUInt32LE(Math.min(size, MOST_32), 12);
  record.writeUInt32LE(Math.min(offset, MOST_32), 16);
  return wide ? Buffer.concat([wideEnd(end), record]) : record;
}

function wideEnd({ entries, offset, size }: ZipEnd): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(UNIX | ZIP64, 12);
  record.writeUInt16LE(ZIP64, 14);
  for (const at of [24, 32]) record.writeBigUInt64LE(BigInt(entries), at);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(offset + size), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

/** Version needed, flags, method and time: ten bytes that both headers share. */
function writeCommon(into: Buffer, at: number, entry: ZipEntry, wide: boolean): void {
  into.writeUInt16LE(wide ? ZIP64 : PLAIN, at);
  into.writeUInt16LE(isFolder(entry) ? FOLDER_FLAGS : FILE_FLAGS, at + 2);
  const { clock, day } = dosTime(entry.modifiedAt);
  into.writeUInt16LE(clock, at + 6);
  into.writeUInt16LE(day, at + 8);
}

function isLarge(number: number): boolean {
  return number >= MOST_32;
}

function isFolder({ name }: ZipEntry): boolean {
  return name.at(-1) === 0x2f;
}

function zip64(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [nth, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * nth);
  return extra;
}

/** The exact second in UTC, for those who read it; nothing for times that 32 bits do not hold. */
function time(at: Date): Buffer {
  const seconds = Math.floor(at.getTime() / 1000);
  if (Math.abs(seconds) > 0x7fffffff) return Buffer.alloc(0);
  const extra = Buffer.alloc(9);
  extra.write('UT', 'latin1');
  extra.writeUInt16LE(5, 2);
  extra.writeUInt8(1, 4);
  extra.writeInt32LE(seconds, 5);
  return extra;
}

/** Two seconds exact, from 1980 to 2107. */
function dosTime(at: Date): { clock: number; day: number } {
  const year = Math.min(Math.max(at.getUTCFullYear(), 1980), 2107);
  const clock = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1);
  return { clock, day: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate() };
}
