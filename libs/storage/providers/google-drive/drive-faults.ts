import {
  AccessRefused,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  ConsentWithdrawn,
  StorageFault,
  Throttled,
} from '../../errors.js';
import type { RequestOutcome } from '../../request-gate.js';

/** The token was not taken: the wire asks for another one, once. To everybody else it is a passing trouble. */
export class TokenRefused extends ConnectionAway {
  constructor() {
    super('Google does not take the access that it has just given.');
  }
}

/** What the call was about is not there, or not for us to see: Drive does not tell which. */
export class NotFound extends ConnectionAway {
  constructor() {
    super('What we look for is not there.', { cause: 'HTTP 404' });
  }
}

/** No further file fits into this folder. */
export class FolderOverfull extends ConnectionAway {
  constructor() {
    super('A folder of ours is full. The next try takes another.');
  }
}

/** Google's own word, and not that of the gate before it. */
export class ToldToSlowDown extends Throttled {}

/** What one account may upload in a day is used up; reading goes on. */
export class UploadsSpent extends ToldToSlowDown {}

/** An answer that is not understood by its caller. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | null;
  readonly upload: boolean;
}

interface Told extends Refusal {
  readonly reason: string;
  readonly message: string;
}

type Explain = (told: Told, options: ErrorOptions) => StorageFault;

const hour = 3_600_000;

const slower: Explain = ({ retryAfter }, options) => new ToldToSlowDown(waitOf(retryAfter), options);
const full: Explain = (_, options) => new ConnectionFull(options);
const withdrawn: Explain = (_, options) => new ConsentWithdrawn(options);
const notFound: Explain = () => new NotFound();
const refused =
  (words: string): Explain =>
  (_, options) =>
    new AccessRefused(words, options);
const later =
  (ms: number): Explain =>
  (_, options) =>
    new Throttled(ms, options);

/** Told apart by the reason in the body; only where there is none does the status decide. */
const byReason: Readonly<Record<string, Explain>> = {
  authError: () => new TokenRefused(),
  userRateLimitExceeded: rateLimit,
  rateLimitExceeded: rateLimit,
  // A cap that the operator has set in Google's console; it ends at midnight in California.
  dailyLimitExceeded: (_, options) => new Throttled(msUntilPacificMidnight(Date.now()), options),
  // About 10 TiB a day; nobody says when it ends.
  downloadQuotaExceeded: later(hour),
  storageQuotaExceeded: full,
  quotaExceeded: full,
  activeItemCreationLimitExceeded: full,
  teamDriveFileLimitExceeded: full,
  myDriveHierarchyDepthLimitExceeded: full,
  numChildrenInNonRootLimitExceeded: () => new FolderOverfull(),
  // The box was left unticked on the page for consent, or the consent is of an older kind.
  insufficientPermissions: withdrawn,
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: withdrawn,
  insufficientFilePermissions: refused('Google does not let us change our own files any more.'),
  appNotAuthorizedToFile: refused(
    'Google does not let us use our own files any more. Please connect the account again.',
  ),
  domainPolicy: refused('The administrators of this Google domain do not allow apps to use Drive.'),
  accessNotConfigured: refused('The operator has not switched on the Google Drive API for this gateway’s project.'),
  cannotDownloadAbusiveFile: refused('Google takes a stored piece for malware or spam and does not give it back.'),
  notFound,
  internalError: away,
  backendError: away,
};

/** What Google said, as a fault. Nothing of it but the status and the reason is passed on. */
export function faultOf(refusal: Refusal): StorageFault {
  const { reason, message } = readError(refusal.body);
  const options = { cause: `HTTP ${refusal.status}${reason === '' ? '' : ` ${reason}`}` };
  const explain = (reason === '' ? undefined : byReason[reason]) ?? byStatus(refusal.status);
  return explain({ ...refusal, reason, message }, options);
}

/** How an exchange that ended with this fault went, for the gate. */
export function outcomeOf(fault: unknown): RequestOutcome {
  // Uploads rest by themselves then: reading must go on.
  if (fault instanceof UploadsSpent) return { kind: 'refused' };
  if (fault instanceof Throttled) return { kind: 'throttled', afterMs: fault.retryAfterMs };
  if (fault instanceof TokenRefused || fault instanceof NotFound || fault instanceof FolderOverfull)
    return { kind: 'refused' };
  return { kind: fault instanceof ConnectionAway ? 'failed' : 'refused' };
}

function byStatus(status: number): Explain {
  if (status === 401) return () => new TokenRefused();
  if (status === 404 || status === 410) return notFound;
  if (status === 416) return (_, options) => new BlobTruncated(options);
  if (status === 429) return slower;
  if (status === 503)
    return (told, options) => (told.retryAfter === null ? away(told, options) : slower(told, options));
  if (status >= 500 || status === 408) return away;
  if (status < 400) return (_, options) => new ConnectionAway('What answers there is not Google Drive.', options);
  return refused('Google Drive refuses the request.');
}

function away(_: Told, options: ErrorOptions): StorageFault {
  return new ConnectionAway('Google Drive has a trouble of its own at the moment.', options);
}

/** Too fast, or too much for one day: only a full stop at the end of the message tells the second. */
function rateLimit(told: Told, options: ErrorOptions): StorageFault {
  if (told.upload && /^user rate limit exceeded\.$/i.test(told.message)) return new UploadsSpent(hour, options);
  return slower(told, options);
}

function readError(body: string): { reason: string; message: string } {
  try {
    const { error } = JSON.parse(body) as { error?: Record<string, unknown> };
    const errors = Array.isArray(error?.['errors']) ? (error['errors'] as unknown[]) : [];
    const details = Array.isArray(error?.['details']) ? (error['details'] as unknown[]) : [];
    const reasons = [...errors, ...details].map((each) => (each as { reason?: unknown } | null)?.reason);
    const reason = reasons.find((each) => typeof each === 'string' && /^\w{1,64}$/.test(each));
    const message = error?.['message'];
    return { reason: typeof reason === 'string' ? reason : '', message: typeof message === 'string' ? message : '' };
  } catch {
    return { reason: '', message: '' };
  }
}

/** Seconds, or a date; never longer than a day. */
function waitOf(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 24 * hour) : null;
}

/** Counted from the clock on a wall in Los Angeles; twice a year it is an hour off, and the next try is told so. */
function msUntilPacificMidnight(now: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: 'America/Los_Angeles',
    hourCycle: 'h23',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(now);
  const [hours = 0, minutes = 0, seconds = 0] = ['hour', 'minute', 'second'].map((type) =>
    Number(parts.find((part) => part.type === type)?.value ?? 0),
  );
  return 24 * hour - (hours * 3600 + minutes * 60 + seconds) * 1000;
}
