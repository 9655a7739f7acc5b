import { randomBytes } from 'node:crypto';

/** The name of our own folder on a connection: 128 random bits in lower-case hex, which every provider can spell. */
export function newFolderName(): string {
  return randomBytes(16).toString('hex');
}

export function isFolderName(name: unknown): name is string {
  return typeof name === 'string' && /^[0-9a-f]{32}$/.test(name);
}
