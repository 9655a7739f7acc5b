import type { IncomingHttpHeaders } from 'node:http';
import { preconditionsOf, type Preconditions } from '../files/index.js';
import { HeaderRefused } from './errors.js';

const UNTYPED = 'application/octet-stream';
const LONGEST_TYPE = 255;
const SHA256_LENGTH = 32;
/** The years 1 to 9999: what dates in HTTP and RFC 3339, and Postgres, all hold. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

export interface UploadHeaders {
  /** Undefined when the client did not say. */
  readonly length: number | undefined;
  readonly contentType: string;
  readonly modifiedAt: Date | undefined;
  readonly sha256: Buffer | undefined;
  readonly wanted: Preconditions;
}

export function uploadHeaders(headers: IncomingHttpHeaders): UploadHeaders {
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new HeaderRefused('A body in a Content-Encoding is not unpacked here; send the bytes as they are.');
  }
  if (headers['content-range'] !== undefined) throw new HeaderRefused('A part of a file cannot be stored this way.');
  return {
    length: bodyLength(headers),
    contentType: contentType(headers['content-type']),
    modifiedAt: modifiedAt(single(headers['x-oc-mtime'])),
    sha256: digest(single(headers['repr-digest'])),
    wanted: preconditionsOf(headers),
  };
}

function bodyLength(headers: IncomingHttpHeaders): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  const length = Number(headers['content-length'] ?? 0);
  if (!Number.isSafeInteger(length) || length < 0) throw new HeaderRefused('Content-Length is not a length.');
  return length;
}

function contentType(header: string | undefined): string {
  const type = header?.trim() ?? '';
  if (type === '') return UNTYPED;
  if (Buffer.byteLength(type) > LONGEST_TYPE) throw new HeaderRefused('Content-Type is longer than 255 bytes.');
  return type;
}

function modifiedAt(header: string | undefined): Date | undefined {
  if (header === undefined) return undefined;
  const ms = Math.trunc(Number(header) * 1000);
  if (!/^-?\d+(\.\d+)?$/.test(header.trim())) {
    throw new HeaderRefused('X-OC-Mtime is not a number of seconds since 1970.');
  }
  if (ms < EARLIEST_MS || ms > LATEST_MS) throw new HeaderRefused('X-OC-Mtime lies outside the years 1 to 9999.');
  return new Date(ms);
}

/** The dictionary of RFC 9530; algorithms other than SHA-256 are passed over, as it allows. */
function digest(header: string | undefined): Buffer | undefined {
  const member = header?.split(',').find((part) => /^\s*sha-256\s*=/i.test(part));
  if (member === undefined) return undefined;
  const encoded = /^\s*sha-256\s*=\s*:([A-Za-z0-9+/]+={0,2}):\s*$/i.exec(member)?.[1];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (bytes.length !== SHA256_LENGTH) throw new HeaderRefused('Repr-Digest does not hold a SHA-256 digest.');
  return bytes;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}
