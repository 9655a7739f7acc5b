import { AccessRefused, ConnectionAway, ConnectionFull, type StorageFault, Throttled } from '../../errors.js';
import type { RequestOutcome } from '../../request-gate.js';
import { asObject } from './items.js';
import type { Told } from './told.js';

/** Whoever asks for more quiet than this is away rather than busy. */
const longestQuietMs = 24 * 3_600_000;
const deepestCode = 6;

/** Microsoft's narrow permission does not work for this account; the wide one does. */
export class WiderConsentNeeded extends AccessRefused {
  constructor(options?: ErrorOptions) {
    super(
      'Microsoft does not let us into our own folder with the narrow permission, as happens with newer personal ' +
        'accounts. Connect again and choose “All files”: Tessera keeps to its own folder all the same.',
      options,
    );
  }
}

/** The codes of an error answer, from the general to the specific. Its words are never repeated: they may come from anywhere. */
export function codesOf({ json }: Pick<Told, 'json'>): readonly string[] {
  const codes: string[] = [];
  let at: unknown = asObject(json)['error'];
  for (let depth = 0; depth < deepestCode && typeof at === 'object' && at !== null; depth += 1) {
    const { code, innerError, innererror } = asObject(at);
    if (typeof code === 'string' && /^[A-Za-z_]{1,64}$/.test(code)) codes.push(code);
    at = innerError ?? innererror;
  }
  return codes;
}

/** What an answer that was not hoped for means. */
export function faultOf(told: Told): StorageFault {
  const { status } = told;
  const codes = codesOf(told);
  const options = { cause: `HTTP ${status} ${codes.join(' ')}`.trim() };
  if (codes.some((code) => ['quotaLimitReached', 'insufficientStorage'].includes(code)))
    return new ConnectionFull(options);
  switch (status) {
    case 401:
      return new AccessRefused(
        'Microsoft does not accept this connection’s sign-in. Please connect it again.',
        options,
      );
    case 403:
      return refused(codes, options);
    case 413:
      return new AccessRefused('Microsoft does not take files of this size.', options);
    case 429:
    case 509:
      return new Throttled(retryAfterMs(told.header('retry-after')), options);
    case 503: {
      const quiet = retryAfterMs(told.header('retry-after'));
      return quiet === null
        ? new ConnectionAway('Microsoft is busy at the moment.', options)
        : new Throttled(quiet, options);
    }
    case 507:
      return new ConnectionFull(options);
    default:
      if (status < 400 || status >= 500 || [404, 408, 409, 410, 412, 416, 423, 425].includes(status)) {
        return new ConnectionAway('Microsoft could not do what it was asked.', options);
      }
      return new AccessRefused('Microsoft refuses what it was asked.', options);
  }
}

function refused(codes: readonly string[], options: ErrorOptions): StorageFault {
  if (codes.includes('serviceReadOnly')) return new WiderConsentNeeded(options);
  if (codes.includes('activityLimitReached')) return new Throttled(null, options);
  if (codes.includes('malwareDetected')) {
    return new AccessRefused('Microsoft takes this piece for malware and does not give it back.', options);
  }
  return new AccessRefused('Microsoft does not allow this with the consent that was given.', options);
}

/** What an answer says about the connection's health. */
export function outcomeOf({ status, header }: Pick<Told, 'status' | 'header'>): RequestOutcome {
  const afterMs = retryAfterMs(header('retry-after'));
  if (status === 429 || status === 509 || (status === 503 && afterMs !== null)) return { kind: 'throttled', afterMs };
  if (status >= 500 && status !== 507) return { kind: 'failed' };
  return { kind: status >= 400 ? 'refused' : 'answered' };
}

/** Seconds or a date. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), longestQuietMs);
}
