/** Somebody with a Google account. `id` is what Drive calls the permission id: it stays when the address changes. */
export interface GoogleUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
}

/** What this Google is like at the moment. A test may change any of it while the double runs. */
export interface GoogleWays {
  /** The only addresses that a browser is sent back to; null takes any. */
  redirectAddresses: readonly string[] | null;
  accessTokenSeconds: number;
  /** A project in “Testing”: refresh tokens live so long, and the answer says so. Null: they do not lapse. */
  refreshTokenSeconds: number | null;
  /** Google does not rotate refresh tokens. With this, a refresh hands out a new one and the old one is dead. */
  rotatesRefreshTokens: boolean;
  /** The oldest refresh token of a user and client is dropped when there would be more. */
  mostRefreshTokens: number;
  /** Whether the app sees none of its old files after consent was withdrawn and given anew. */
  losesFilesWithConsent: boolean;
  /** Of the whole account; null is without a limit, and then none is told. */
  storageBytes: number | null;
  uploadBytesPerDay: number | null;
  /** More calls than these within a while are told to slow down. */
  allowance: { readonly calls: number; readonly perMs: number } | null;
  /** Before a new file is listed or found; by its id it is there at once. */
  listLagMs: number;
  searchesIncompletely: boolean;
  /** The most that a page of a listing holds, whatever was asked for. */
  pageLength: number;
  /** Of one folder. */
  mostChildren: number;
  /** Whether an id can be used again when its file was deleted for good; Google does not say. */
  takesSpentIds: boolean;
  /** Whether a taken id is noticed only with an upload's last byte; Google does not say. */
  noticesTakenIdsLate: boolean;
  /** Of a body, so much is kept and the rest has to be sent again; null: all of it. */
  takesAtOnce: number | null;
}

export const usualWays: GoogleWays = {
  redirectAddresses: null,
  accessTokenSeconds: 3599,
  refreshTokenSeconds: null,
  rotatesRefreshTokens: false,
  mostRefreshTokens: 100,
  losesFilesWithConsent: false,
  storageBytes: 15 * 2 ** 30,
  uploadBytesPerDay: null,
  allowance: null,
  listLagMs: 0,
  searchesIncompletely: false,
  pageLength: Infinity,
  mostChildren: 500_000,
  takesSpentIds: true,
  noticesTakenIdsLate: false,
  takesAtOnce: null,
};

export const usualUsers: readonly GoogleUser[] = [
  { id: '01234567890123456789', email: 'ada@example.com', name: 'Ada' },
  { id: '09876543210987654321', email: 'brook@example.com', name: 'Brook' },
];

export const driveFile = 'https://www.googleapis.com/auth/drive.file';

export const driveScopes: readonly string[] = [driveFile, 'https://www.googleapis.com/auth/drive'];
