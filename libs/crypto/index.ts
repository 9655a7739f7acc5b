export {
  BACKUP_HEADER_LENGTH,
  openBackup,
  readBackupHeader,
  sealBackup,
  type BackupHeader,
  type RootEpoch,
} from './backup.js';
export { backupHeadName, isBackupHeadName, openBackupHead, sealBackupHead } from './backup-head.js';
export { ChunkOpener, type FrameRange } from './chunk-opener.js';
export { ChunkSealer, type ChunkLengths } from './chunk-sealer.js';
export type { ChunkContext } from './chunk-context.js';
export { deriveAccountKeys, deriveContentKeys, deriveRootKeys, type RootKeys } from './derivation.js';
export { Encoding } from './encoding.js';
export { fieldContext, type FieldContext } from './field-context.js';
export {
  DEFAULT_CHUNK_LENGTH,
  FORMAT,
  FRAME_LENGTH,
  frameCount,
  HEADER_LENGTH,
  MAX_CHUNK_LENGTH,
  paddedLength,
  sealedLength,
  SUITE,
} from './format.js';
export { ManifestBuilder, type FinishedManifest, type SealedPage } from './manifest-builder.js';
export {
  encodeEntries,
  MANIFEST_PAGE_CHUNKS,
  type ManifestEntry,
  type ManifestHeader,
  type ManifestIds,
} from './manifest-layout.js';
export { chunksCovering, openManifestHeader, openManifestPage } from './manifest-opener.js';
export { openMarker, sealMarker, type Marker } from './marker.js';
export { aesGcmOpen, aesGcmSeal, hkdfSha512, ready, TAG_LENGTH, xchachaOpen, xchachaSeal } from './primitives.js';
export type { SealedRow } from './sealed-row.js';
export { SealBroken } from './seal-broken.js';
export { openBytes, sealBytes } from './sealed-bytes.js';
export { SecretKey } from './secret-key.js';
export { openPreview, sealPreview, type PreviewFields } from './preview.js';
export { checkVersion, openVersion, sealVersion, type VersionFields } from './version.js';
export { openUploadState, sealUploadState } from './upload-state.js';
export { unwrapKey, wrapKey, WRAPPED_KEY_LENGTH, type WrapContext, type WrapPurpose } from './wrapping.js';
