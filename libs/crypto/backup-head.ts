import { derive, type RootKeys } from './derivation.js';
import { formatEncoding } from './format.js';
import { openBytes, sealBytes } from './sealed-bytes.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const SHAPE = /^[a-z2-7]{26}$/;
const HALF = 13;
/** Sealed heads are this much apart in length, so that it does not tell how many pieces there are. */
const STEP = 4096;
const PAD = ' ';

/**
 * The name under which a backup's head lies on a connection, made of a random blob name: the first half stays, the second
 * follows from it. Who has the root key finds it among a million others by the names alone; to anybody else it is one of
 * them. Null where the provider hands out names of its own: there a head is known by its opening.
 */
export function backupHeadName(root: RootKeys, random: string): string | null {
  return SHAPE.test(random) ? random.slice(0, HALF) + secondHalf(root, random.slice(0, HALF)) : null;
}

export function isBackupHeadName(root: RootKeys, name: string): boolean {
  return backupHeadName(root, name) === name;
}

function secondHalf(root: RootKeys, first: string): string {
  const bytes = derive(root.backupName, 'backup/name', Buffer.alloc(0), Buffer.from(first, 'ascii'));
  return Array.from(bytes.subarray(0, HALF), (byte) => ALPHABET[byte & 31]).join('');
}

/** Seals a head's text, filled up with spaces. Looks random, as every blob does. */
export function sealBackupHead(root: RootKeys, text: string): Buffer {
  const plain = Buffer.from(text, 'utf8');
  const filled = Buffer.alloc(Math.ceil(plain.length / STEP) * STEP, PAD);
  plain.copy(filled);
  return sealBytes(root.backupHead, filled, formatEncoding().finish());
}

/** Throws SealBroken where it is no head, another root key's, or not what was sealed. */
export function openBackupHead(root: RootKeys, sealed: Uint8Array): string {
  return openBytes(root.backupHead, sealed, formatEncoding().finish()).toString('utf8');
}
