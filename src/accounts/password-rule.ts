import { commonPasswords } from './common-passwords.js';
import { emailKey } from './email-key.js';
import { WeakPassword } from './faults.js';

const SHORTEST = 8;

/** Length and guessability count; kinds of characters do not. Throws WeakPassword. */
export function requireStrong(password: string, email: string): void {
  if (Array.from(password).length < SHORTEST) throw new WeakPassword(`A password has at least ${SHORTEST} characters.`);
  if (isWellKnown(password, email)) {
    throw new WeakPassword('This password is among the first that anybody would try. Choose another one.');
  }
}

export function isWellKnown(password: string, email: string): boolean {
  const plain = password.toLowerCase();
  const address = emailKey(email);
  if (plain === address || plain === address.split('@')[0]) return true;
  return commonPasswords.has(plain) || new Set(plain).size < 3 || isRun(plain);
}

/** «abcdefgh», «87654321»: each character a step from the last, always in the same direction. */
function isRun(text: string): boolean {
  const steps = new Set(Array.from(text.slice(1), (letter, index) => letter.charCodeAt(0) - text.charCodeAt(index)));
  return steps.size === 1 && Math.abs([...steps][0]!) <= 1;
}
