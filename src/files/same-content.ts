import { type AccountKeys, KeyDestroyed } from '../keys/index.js';
import type { NewVersion } from './publish-version.js';
import { openedSha256 } from './records.js';
import type { VersionRow } from './tree.store.js';

/** By the id that a version row names. */
export type KnownKeys = ReadonlyMap<string, AccountKeys>;

/** What a version says, for another that shall hold the same content; its seal is checked, so that nothing forged is sealed anew. */
export function sameContent(
  known: KnownKeys,
  place: { account: string; file: string },
  version: VersionRow,
): NewVersion {
  const keys = known.get(version.account_key);
  if (!keys) throw new KeyDestroyed();
  return {
    content: version.content,
    size: version.size,
    sha256: openedSha256(keys, place, version),
    contentType: version.content_type,
    modifiedAt: version.version_modified_at,
  };
}
