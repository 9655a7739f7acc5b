import { createHash, randomBytes } from 'node:crypto';

const TOKEN = /^[A-Za-z0-9_-]{43}$/;
/** No i, l, o, u: nothing to misread when it is typed. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const APP_PASSWORD = /^([0-9a-hjkmnp-tv-z]{4}-){7}[0-9a-hjkmnp-tv-z]{4}$/;

/** 256 random bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}

/** 160 random bits in eight groups of four. */
export function newAppPassword(): string {
  const letters = Array.from(randomBytes(32), (byte) => ALPHABET[byte & 31]);
  return letters.join('').replace(/(.{4})(?=.)/g, '$1-');
}

export function looksLikeAppPassword(text: string): boolean {
  return APP_PASSWORD.test(text);
}

/** What is kept of a secret that is itself random: without a salt, because nobody can guess the input. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
