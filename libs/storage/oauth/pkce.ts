import { createHash, randomBytes } from 'node:crypto';

/** What only the one who starts knows until the code is exchanged: 43 characters, 256 random bits (RFC 7636). */
export function newVerifier(): string {
  return randomBytes(32).toString('base64url');
}

/** S256, the only method there is here. */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier, 'ascii').digest('base64url');
}
