import type { Role } from '#contracts';

/** Somebody whose credentials were good a second ago at most. */
export interface Identity {
  readonly accountId: string;
  readonly email: string;
  readonly roles: readonly Role[];
  /** Where a session stands behind it. */
  readonly sessionId?: string;
}
