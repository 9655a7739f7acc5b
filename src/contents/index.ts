export { ContentsModule } from './contents.module.js';
export { Draft } from './draft.js';
export { Drafts, type Spread } from './drafts.js';
export { Quota } from './quota.js';
export type { QuotaReservation } from './quota-slab.js';
export { usedBytes } from './quota.store.js';
export { ContentDamaged, DraftLost, QuotaExceeded } from './errors.js';
export {
  chunkRows,
  pageAt,
  placementRows,
  type PlacementRow,
  publishedContent,
  type ChunkRow,
  type ContentRow,
} from './reading.store.js';
export { type BlobFault, noteFaults } from './faults.store.js';
export { HOUSE } from './house.js';
export { Losses } from './losses.js';
export { abandonDraft } from './abandon.store.js';
export { inLockOrder } from './lock-order.store.js';
export { dropChunksFrom, dropPages } from './draft.store.js';
export { isLost } from './publication.store.js';
export { dropPreview, keepPreview, keptPreview, type PreviewPlace, type PreviewRow } from './previews.store.js';
export { beginErasing, eraseUnheld, holdContents } from './erase.store.js';
export {
  condemnedBlobs,
  connectionsToSweep,
  forgetEnded,
  lapsedDrafts,
  markGone,
  noteLooks,
  tombstones,
  type CondemnedBlob,
} from './sweep.store.js';
export { settleSlabsOf } from './settle-slabs.js';
export { holdsOriginals, type Leaving, leavingFiles, leavingOf } from './leaving.store.js';
export { settleRemoved } from './settle-removed.js';
export { condemnAll, dropAllContents, eraseAllContents } from './erase-account.js';
export { condemnedOf, giveUpBlobs } from './erase-account.store.js';
export {
  type BlobKey,
  blobsNamed,
  countLive,
  countUnproved,
  type KnownBlob,
  lockBlobs,
  noteListed,
  noteProved,
  noteUnlisted,
  type ShardOfBlob,
  shardsOf,
  unlistedBlobs,
  type Unproved,
  unprovedBlobs,
} from './scrubbing.store.js';
