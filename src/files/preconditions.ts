import type { IncomingHttpHeaders } from 'node:http';
import { PreconditionFailed } from './errors.js';

/** What a write asks of the file that is there now. An entity tag is a version's id in quotes. */
export interface Preconditions {
  /** `If-Match`: one of these versions, or `*` for any. */
  readonly match?: '*' | readonly string[];
  /** `If-None-Match`: none of these versions, or `*` for no file at all. */
  readonly noneMatch?: '*' | readonly string[];
  /** The folder above must be there; without this, folders that are missing are made. */
  readonly parentThere?: boolean;
  /** Of locks that the writer holds. */
  readonly tokens?: readonly string[];
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

/** What any call that writes may ask by its headers. */
export function preconditionsOf(headers: IncomingHttpHeaders): Preconditions {
  const match = parseTags(headers['if-match']);
  const noneMatch = parseTags(headers['if-none-match']);
  const tokens = lockTokens(headers);
  return { ...(match && { match }), ...(noneMatch && { noneMatch }), ...(tokens.length > 0 && { tokens }) };
}

const MOST_TOKENS = 100;

/** Whatever stands in angle brackets like a lock's token, in `If` (RFC 4918) or `Lock-Token`. */
export function lockTokens(headers: IncomingHttpHeaders): string[] {
  const shown = [headers['if'], headers['lock-token']].flat().filter((text) => text !== undefined);
  const found = shown.flatMap((text) =>
    Array.from(text.matchAll(/<(urn:uuid:[0-9a-f-]{36})>/gi), ([, token]) => token!),
  );
  return [...new Set(found.map((token) => token.toLowerCase()))].slice(0, MOST_TOKENS);
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
