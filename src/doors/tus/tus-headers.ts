import type { IncomingHttpHeaders } from 'node:http';
import { parsePath, type Names } from '../../files/index.js';
import { HeaderRefused } from '../../transfers/index.js';
import { ChecksumUnknown, ConcatenationUnspoken, PartUntyped } from './faults.js';

export const TUS_VERSION = '1.0.0';
export const CHECKSUMS = ['sha1', 'sha256', 'sha512', 'md5'] as const;
const PART = 'application/offset+octet-stream';
const LONGEST_METADATA = 16 * 1024;
const LONGEST_TYPE = 255;
const UNTYPED = 'application/octet-stream';

export interface Checksum {
  readonly algorithm: string;
  readonly digest: Buffer;
}

/** Whether a part of the upload comes with it. */
export function bringsPart(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.trim().toLowerCase() === PART;
}

export function refuseConcatenation(headers: IncomingHttpHeaders): void {
  if (headers['upload-concat'] !== undefined) throw new ConcatenationUnspoken();
}

export function requirePart(headers: IncomingHttpHeaders): void {
  if (!bringsPart(headers)) throw new PartUntyped();
}

/** Null where the client defers it; one of the two has to be said when an upload begins. */
export function uploadLength(headers: IncomingHttpHeaders): number | null {
  const deferred = single(headers['upload-defer-length']);
  const length = single(headers['upload-length']);
  if (deferred !== undefined && deferred !== '1') throw new HeaderRefused('Upload-Defer-Length can only be 1.');
  if (deferred !== undefined && length !== undefined) {
    throw new HeaderRefused('Upload-Length and Upload-Defer-Length contradict each other.');
  }
  if (deferred !== undefined) return null;
  if (length === undefined) throw new HeaderRefused('Upload-Length or Upload-Defer-Length is missing.');
  return byteCount('Upload-Length', length);
}

/** The length as a later request may tell it. */
export function lateLength(headers: IncomingHttpHeaders): number | undefined {
  const length = single(headers['upload-length']);
  return length === undefined ? undefined : byteCount('Upload-Length', length);
}

export function uploadOffset(headers: IncomingHttpHeaders): number {
  const offset = single(headers['upload-offset']);
  if (offset === undefined) throw new HeaderRefused('Upload-Offset is missing.');
  return byteCount('Upload-Offset', offset);
}

export function checksum(headers: IncomingHttpHeaders): Checksum | null {
  const given = single(headers['upload-checksum']);
  if (given === undefined) return null;
  const [, algorithm = '', encoded = ''] = /^\s*(\S+) ([A-Za-z0-9+/]+={0,2})\s*$/.exec(given) ?? [];
  if (algorithm === '') throw new HeaderRefused('Upload-Checksum is an algorithm and a digest in Base64.');
  if (!CHECKSUMS.some((known) => known === algorithm)) throw new ChecksumUnknown(CHECKSUMS);
  return { algorithm, digest: Buffer.from(encoded, 'base64') };
}

export interface Metadata {
  /** As it was sent, to be told again. */
  readonly text: string;
  readonly names: Names;
  readonly contentType: string;
  readonly modifiedAt: Date | null;
}

/** `path` says where the file goes; programs that know none send `filename`, which is a name and no path. */
export function metadata(headers: IncomingHttpHeaders): Metadata {
  const text = single(headers['upload-metadata']) ?? '';
  if (text.length > LONGEST_METADATA) throw new HeaderRefused('Upload-Metadata is longer than 16 KiB.');
  const pairs = readPairs(text);
  const path = pairs.get('path');
  const name = pairs.get('filename') ?? pairs.get('name');
  if (path === undefined && name === undefined) {
    throw new HeaderRefused('Upload-Metadata does not say where the file goes: give “path”.');
  }
  const contentType = (pairs.get('filetype') ?? pairs.get('type') ?? '').trim() || UNTYPED;
  if (Buffer.byteLength(contentType) > LONGEST_TYPE || /[^\x20-\x7e]/.test(contentType)) {
    throw new HeaderRefused('“filetype” is no media type.');
  }
  return { text, names: namesOf(path, name), contentType, modifiedAt: modifiedAt(pairs.get('mtime')) };
}

function namesOf(path: string | undefined, name: string | undefined): Names {
  return parsePath(path ?? encodeURIComponent(name ?? ''));
}

function modifiedAt(mtime: string | undefined): Date | null {
  if (mtime === undefined) return null;
  const at = new Date(Number(mtime) * 1000);
  if (!/^\d{1,12}(\.\d+)?$/.test(mtime) || Number.isNaN(at.getTime()) || at.getFullYear() > 9999) {
    throw new HeaderRefused('“mtime” is not a number of seconds since 1970.');
  }
  return at;
}

function readPairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of text.split(',').filter((each) => each.trim() !== '')) {
    const [key = '', encoded = '', ...rest] = pair.trim().split(' ');
    if (key === '' || rest.length > 0 || !isBase64(encoded) || pairs.has(key)) {
      throw new HeaderRefused('Upload-Metadata is a list of different keys, each with its value in Base64.');
    }
    pairs.set(key, utf8(Buffer.from(encoded, 'base64')));
  }
  return pairs;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HeaderRefused('A value of Upload-Metadata is not valid UTF-8.');
  }
}

function byteCount(name: string, text: string): number {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new HeaderRefused(`${name} is not a number of bytes.`);
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}
