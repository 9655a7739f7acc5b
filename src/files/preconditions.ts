import { PreconditionFailed } from './errors.js';

/** What a write asks of the file that is there now. An entity tag is a version's id in quotes. */
export interface Preconditions {
  /** `If-Match`: one of these versions, or `*` for any. */
  readonly match?: '*' | readonly string[];
  /** `If-None-Match`: none of these versions, or `*` for no file at all. */
  readonly noneMatch?: '*' | readonly string[];
  /** The folder above must be there; without this, folders that are missing are made. */
  readonly parentThere?: boolean;
  /** What the header `If` asks of the newest version, beside locks; null when there is none. */
  readonly holds?: (version: string | null) => boolean;
}

export function etagOf(version: string): string {
  return `"${version}"`;
}

/** `version` is the newest one at the path, null when there is none. */
export function checkPreconditions(wanted: Preconditions, version: string | null): void {
  if (wanted.holds?.(version) === false) throw new PreconditionFailed();
  if (wanted.match !== undefined) {
    const fits = version !== null && (wanted.match === '*' || wanted.match.includes(version));
    if (!fits) throw new PreconditionFailed();
  }
  if (wanted.noneMatch !== undefined && version !== null) {
    if (wanted.noneMatch === '*' || wanted.noneMatch.includes(version)) throw new PreconditionFailed();
  }
}

/**
 * Reads `If-Match` and `If-None-Match`. Weak tags never match strongly, so they are kept as they
 * stand and equal no version; a tag without quotes, which some programs send, is taken all the same.
 */
export function parseTags(header: string | undefined): '*' | string[] | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return '*';
  return header.split(',').map((tag) => tag.trim().replace(/^"(.*)"$/, '$1'));
}
