import { NameRefused } from './errors.js';

/** A path as its names, decoded: `[]` is the top folder. */
export type Names = readonly string[];

const NAME_BYTES = 255;

/**
 * Reads a path as it stands in a URL: names percent-encoded, joined by `/`. Raw bytes above 0x7f,
 * which Node hands over as Latin-1, are taken for the UTF-8 that sloppy clients mean by them.
 */
export function namesFromUrl(path: string): Names {
  // oxlint-disable-next-line no-control-regex -- the range is the point
  return parsePath(/^[\x00-\x7f]*$/.test(path) ? path : fromLatin1(path));
}

/** Reads a path as it stands in a JSON body: the same, but whatever is not encoded is taken as it is. */
export function parsePath(path: string): Names {
  return path === '' ? [] : path.split('/').map(decodeName);
}

export function formatPath(names: Names): string {
  return names.map(encodeURIComponent).join('/');
}

/** What lookups compare: both spellings of an accented letter are one name. */
export function nameKey(name: string): string {
  return name.normalize('NFC');
}

function fromLatin1(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(path, 'latin1'));
  } catch {
    throw new NameRefused('The path is not valid UTF-8.');
  }
}

function decodeName(encoded: string): string {
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    throw new NameRefused('A name in the path is not valid percent-encoded UTF-8.');
  }
  checkName(name);
  return name;
}

function checkName(name: string): void {
  if (name === '') throw new NameRefused('A name in the path is empty.');
  if (name === '.' || name === '..') throw new NameRefused('The names "." and ".." are not allowed.');
  if (name.includes('/')) throw new NameRefused('A name cannot contain "/", not even encoded.');
  if (name.includes('\0')) throw new NameRefused('A name cannot contain NUL.');
  if (!name.isWellFormed()) throw new NameRefused('A name is not valid Unicode.');
  if (Buffer.byteLength(name) > NAME_BYTES) throw new NameRefused(`A name is longer than ${NAME_BYTES} bytes.`);
}
