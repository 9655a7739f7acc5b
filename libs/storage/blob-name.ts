import { randomBytes } from 'node:crypto';
import { BlobNameRefused } from './errors.js';
import type { BlobName } from './provider.js';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const length = 26;
const shape = /^[a-z2-7]{26}$/;

/** 130 random bits: one byte for each character, of which five bits are used, so that every character is equally likely. */
export function newBlobName(): BlobName {
  let name = '';
  for (const byte of randomBytes(length)) name += alphabet[byte & 31];
  return name as BlobName;
}

export function isBlobName(name: unknown): name is BlobName {
  return typeof name === 'string' && shape.test(name);
}

/** Every provider calls this before a name becomes part of a path or an address. */
export function requireBlobName(name: string): BlobName {
  if (!isBlobName(name)) throw new BlobNameRefused();
  return name;
}
