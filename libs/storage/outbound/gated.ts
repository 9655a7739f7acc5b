import type { OutgoingHttpHeaders } from 'node:http';
import type { BlobBody } from '../provider.js';
import type { GatedRequest, RequestOutcome } from '../request-gate.js';
import { retryAfterMs } from './retry-after.js';

const looks = ['HEAD', 'PROPFIND', 'OPTIONS'];

/** What a request is to whoever paces it. */
export function gatedRequest(method: string, headers: OutgoingHttpHeaders = {}, body?: BlobBody): GatedRequest {
  if (method === 'GET') return { kind: 'download', bytes: rangeLength(headers['Range']) };
  if (method === 'PUT') return { kind: 'upload', bytes: body?.length ?? 0 };
  return { kind: looks.includes(method) ? 'look' : 'change' };
}

/** 503 without a time says that something is broken, not that it was too much. 501 and 507 are answers of a server in good health. */
export function outcomeOf(status: number, retryAfter: string | null): RequestOutcome {
  const afterMs = retryAfterMs(retryAfter);
  if (status === 429 || status === 509 || (status === 503 && afterMs !== null)) return { kind: 'throttled', afterMs };
  if (status === 408 || (status >= 500 && status !== 501 && status !== 507)) return { kind: 'failed' };
  return { kind: status < 400 ? 'answered' : 'refused' };
}

function rangeLength(range: unknown): number {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(range)) ?? [];
  return from === undefined || to === undefined ? 0 : Number(to) - Number(from) + 1;
}
