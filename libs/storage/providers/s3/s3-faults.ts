import {
  AccessRefused,
  BlobMissing,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  SettingRefused,
  StorageFault,
  Throttled,
} from '../../errors.js';
import { asNetworkFault } from '../../outbound/network-faults.js';
import { retryAfterMs } from '../../outbound/retry-after.js';
import type { RequestOutcome } from '../../request-gate.js';

/** What an answer of the store says that is no success. */
interface Refusal {
  /** Empty where there was no body to say it, as for HEAD. */
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: string;
  readonly region: string | undefined;
}

/** An error of the SDK as the answer behind it, or null where there was no answer. */
function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof Error)) return null;
  const { name, message, Code, Region, $metadata, $response } = error as SdkError;
  const status = $response?.statusCode ?? $metadata?.httpStatusCode;
  if (status === undefined) return null;
  const headers = $response?.headers ?? {};
  const code = Code ?? (['NotFound', 'UnknownError', 'Unknown', 'Error'].includes(name) ? '' : name);
  return { code, status, headers, message, region: headers['x-amz-bucket-region'] ?? Region };
}

/** A create-only put met something that lies there already, or that is being put just now. */
export class NameTaken extends ConnectionAway {}

/** A header or a call that this store does not know. */
export class NotUnderstood extends AccessRefused {
  constructor(options?: ErrorOptions) {
    super('The store cannot do what is needed.', options);
  }
}

/** A success in words that are none of S3's: a proxy, or a login page, that must not pass for an empty listing. */
export class NotS3 extends ConnectionAway {
  constructor(options?: ErrorOptions) {
    super('What answers there is not an S3 store.', options);
  }
}

interface SdkError extends Error {
  readonly Code?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
}

type Explain = (refusal: Refusal, options: ErrorOptions) => StorageFault;

const throttled: Explain = ({ headers }, options) => new Throttled(retryAfterMs(headers['retry-after']), options);
const full: Explain = (_, options) => new ConnectionFull(options);
const changed: Explain = (_, options) => new ConnectionAway('The bytes arrived changed at the store.', options);
const taken: Explain = (_, options) => new NameTaken(undefined, options);
const notUnderstood: Explain = (_, options) => new NotUnderstood(options);
const away: Explain = (_, options) => new ConnectionAway(undefined, options);
const otherRegion: Explain = ({ region }, options) =>
  new SettingRefused(
    'region',
    region !== undefined && /^[a-z0-9-]{1,64}$/.test(region)
      ? `This bucket lies in the region “${region}”. Use that region, and the address that belongs to it.`
      : 'This bucket lies in another region. Use that region, and the address that belongs to it.',
    options,
  );
const refused =
  (words: string): Explain =>
  (_, options) =>
    new AccessRefused(words, options);

const mayNot = refused('This access key may not do that in this bucket.');
const clock = refused(
  'The clock of this gateway and the clock of the store differ by more than 15 minutes. Set them right.',
);

/** By the code in the body: what AWS says, and where other stores have words of their own, theirs. */
const byCode: Readonly<Record<string, Explain>> = {
  NoSuchKey: (_, options) => new BlobMissing(options),
  NoSuchVersion: (_, options) => new BlobMissing(options),
  NoSuchBucket: (_, options) => new ConnectionAway('There is no bucket of this name at this address.', options),
  InvalidBucketName: (_, options) =>
    new SettingRefused('bucket', 'The store does not take this name for a bucket.', options),
  InvalidRange: (_, options) => new BlobTruncated(options),
  // Backblaze says so when a limit that its owner has set is reached.
  AccessDenied: (refusal, options) => (/storage cap exceeded/i.test(refusal.message) ? full : mayNot)(refusal, options),
  AllAccessDisabled: mayNot,
  AccountProblem: refused('The store has closed this account. Its own pages say why.'),
  InvalidAccessKeyId: refused('The store does not know this access key.'),
  InvalidSecurity: refused('The store does not know this access key.'),
  SignatureDoesNotMatch: refused('The access key and the secret key do not belong together. Were both copied whole?'),
  RequestTimeTooSkewed: clock,
  RequestExpired: clock,
  InvalidObjectState: refused('The store has moved this piece into an archive. Switch such rules off for this bucket.'),
  PermanentRedirect: otherRegion,
  AuthorizationHeaderMalformed: otherRegion,
  SlowDown: throttled,
  SlowDownRead: throttled,
  SlowDownWrite: throttled,
  ServiceUnavailable: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  TooManyRequests: throttled,
  TooManyRequestsException: throttled,
  RequestLimitExceeded: throttled,
  BandwidthLimitExceeded: throttled,
  QuotaExceeded: full,
  InsufficientStorage: full,
  InsufficientCapacity: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  // No blob comes near what one request may carry: this is how Swift says that a quota is used up.
  EntityTooLarge: full,
  BadDigest: changed,
  InvalidDigest: changed,
  XAmzContentSHA256Mismatch: changed,
  XAmzContentChecksumMismatch: changed,
  IncompleteBody: changed,
  RequestTimeout: away,
  OperationAborted: away,
  TemporaryRedirect: away,
  PreconditionFailed: taken,
  ConditionalRequestConflict: taken,
  FileAlreadyExists: taken,
  NotImplemented: notUnderstood,
  InvalidArgument: notUnderstood,
  ExcessHeaderValues: notUnderstood,
};

/** What the store or the network said, as a fault. What is neither (a bug, an abort) stays as it is. */
export function asS3Fault(error: unknown): unknown {
  if (error instanceof StorageFault) return error;
  const refusal = refusalOf(error);
  if (refusal) return (byCode[refusal.code] ?? byStatus(refusal.status))(refusal, { cause: error });
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new ConnectionAway('The store takes too long to answer.', { cause: error });
  }
  return asNetworkFault(error);
}

/** Where the code is unknown, or no body came: a proxy before the store, or a HEAD. */
function byStatus(status: number): Explain {
  if (status === 404) return (_, options) => new BlobMissing(options);
  if (status === 416) return (_, options) => new BlobTruncated(options);
  if (status === 429 || status === 503) return throttled;
  if (status === 507) return full;
  if (status === 301) return otherRegion;
  if (status === 401 || status === 403) return mayNot;
  if (status === 412) return taken;
  if (status === 501) return notUnderstood;
  if (status >= 500 || [307, 408, 409].includes(status)) return away;
  if (status < 300) return (_, options) => new NotS3(options);
  return refused('The store refuses the request. Is the address that of its S3 interface?');
}

/** What a call that failed says about the store: only what does not come from it, or from the network, says nothing. */
export function outcomeOf(fault: unknown): RequestOutcome {
  if (fault instanceof Throttled) return { kind: 'throttled', afterMs: fault.retryAfterMs };
  return { kind: fault instanceof ConnectionAway && !(fault instanceof NameTaken) ? 'failed' : 'refused' };
}
