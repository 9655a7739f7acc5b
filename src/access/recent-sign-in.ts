import type { Sessions } from '../accounts/index.js';
import type { Caller } from './caller.js';
import { SignInTooOld } from './faults.js';

/** As long as others call a sign-in recent; a session itself lives for weeks. */
const RECENT_MS = 2 * 3_600_000;

/**
 * Stands before what binds an account to a cloud, or takes one from it. A session that was stolen, or left open on
 * somebody's machine, is good for reading files but not for that. Signing in once more is all that is asked, so that
 * there is one place where passwords (and second factors) are checked. Basic sends its password with this very call.
 * Throws SignInTooOld.
 */
export async function requireRecentSignIn(sessions: Sessions, { via, sessionId }: Caller): Promise<void> {
  if (via === 'basic') return;
  const session = sessionId === undefined ? null : await sessions.standing(sessionId);
  if (session === null || session.ageMs > RECENT_MS) throw new SignInTooOld();
}
