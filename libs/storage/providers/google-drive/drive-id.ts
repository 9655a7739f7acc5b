import { BlobNameRefused } from '../../errors.js';
import type { BlobName } from '../../provider.js';

/**
 * The ids of Drive as they have been seen: 33 characters by now, 28 once, 44 for some. Letters of one case alone mean
 * that it went through something case-blind, and is another id than the one that was handed out.
 */
const shape = /^(?=.*[a-z])(?=.*[A-Z])(?:[\w-]{28}|[\w-]{33}|[\w-]{44})$/;

export function isDriveId(id: unknown): id is BlobName {
  return typeof id === 'string' && shape.test(id);
}

/** Before a name becomes part of an address. */
export function requireDriveId(name: string): BlobName {
  if (!isDriveId(name)) throw new BlobNameRefused();
  return name;
}
