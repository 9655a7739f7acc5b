import { timingSafeEqual } from 'node:crypto';
import { derive } from './derivation.js';
import { HEADER_LENGTH, MESSAGE_ID_LENGTH } from './format.js';
import {
  checkedNext,
  decodeEntries,
  decodeHeader,
  ENTRY_LENGTH,
  HEADER_PLAIN_LENGTH,
  MANIFEST_PAGE_CHUNKS,
  manifestAssociated,
  manifestPartKey,
  type ManifestEntry,
  type ManifestHeader,
  type ManifestIds,
} from './manifest-layout.js';
import { encodedOrBroken, SealBroken } from './seal-broken.js';
import { openBytes, SEALED_BYTES_OVERHEAD } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

const SEALED_HEADER_LENGTH = HEADER_LENGTH + HEADER_PLAIN_LENGTH + SEALED_BYTES_OVERHEAD;

export function openManifestHeader(manifestKey: SecretKey, ids: ManifestIds, sealed: Uint8Array): ManifestHeader {
  if (sealed.length !== SEALED_HEADER_LENGTH) throw new SealBroken();
  const id = Buffer.from(sealed.subarray(0, MESSAGE_ID_LENGTH));
  const associated = encodedOrBroken(() => manifestAssociated(ids, { part: 'header' }));
  const commitment = derive(manifestKey, 'manifest/commitment', id, associated);
  if (!timingSafeEqual(commitment, sealed.subarray(MESSAGE_ID_LENGTH, HEADER_LENGTH))) throw new SealBroken();
  const key = manifestPartKey(manifestKey, id, 'header', associated);
  return decodeHeader(openBytes(key, sealed.subarray(HEADER_LENGTH), associated), id);
}

/** Opens one page of the manifest that this header closes. */
export function openManifestPage(
  manifestKey: SecretKey,
  ids: ManifestIds,
  header: ManifestHeader,
  page: number,
  sealed: Uint8Array,
): ManifestEntry[] {
  if (!Number.isSafeInteger(page) || page < 0 || page >= header.pages) throw new SealBroken();
  const last = page === header.pages - 1;
  const first = page * MANIFEST_PAGE_CHUNKS;
  const count = last ? header.chunks - first : MANIFEST_PAGE_CHUNKS;
  if (sealed.length !== count * ENTRY_LENGTH + SEALED_BYTES_OVERHEAD) throw new SealBroken();
  const associated = encodedOrBroken(() => manifestAssociated(ids, { part: 'page', page, last }));
  const key = manifestPartKey(manifestKey, header.id, 'page', associated);
  const entries = decodeEntries(openBytes(key, sealed, associated));
  encodedOrBroken(() => mustCover(entries, first, header, last));
  return entries;
}

function mustCover(entries: ManifestEntry[], first: number, header: ManifestHeader, last: boolean): void {
  let offset = first === 0 ? 0 : (entries[0]?.offset ?? 0);
  entries.forEach((entry, at) => {
    offset = checkedNext(entry, first + at, offset);
  });
  if (last ? offset !== header.totalLength : offset >= header.totalLength) {
    throw new RangeError('The chunks do not end where the content ends.');
  }
}

/**
 * The chunks of an opened page that hold a range's beginning and what follows of it on this page.
 * A page that does not hold the offset was pointed to wrongly: that too is a broken seal.
 */
export function chunksCovering(entries: readonly ManifestEntry[], offset: number, length: number): ManifestEntry[] {
  const covering = entries.filter((entry) => entry.offset < offset + length && entry.offset + entry.length > offset);
  const [first] = covering;
  if (!first || first.offset > offset) throw new SealBroken();
  return covering;
}
