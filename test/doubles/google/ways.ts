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
}

export const usualWays: GoogleWays = {
  redirectAddresses: null,
  accessTokenSeconds: 3599,
  refreshTokenSeconds: null,
  rotatesRefreshTokens: false,
  mostRefreshTokens: 100,
  losesFilesWithConsent: false,
};

export const usualUsers: readonly GoogleUser[] = [
  { id: '01234567890123456789', email: 'ada@example.com', name: 'Ada' },
  { id: '09876543210987654321', email: 'brook@example.com', name: 'Brook' },
];

export const driveFile = 'https://www.googleapis.com/auth/drive.file';
