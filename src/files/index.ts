export { FilesModule } from './files.module.js';
export { Changes } from './changes.js';
export { WalkTree, type Walked } from './walk-tree.js';
export { Below, type EntryBelow, type NodeBelow } from './below.js';
export { presentPlaces } from './changes.store.js';
export { EraseTrash } from './erase-trash.js';
export { TrimVersions } from './trim-versions.js';
export { CopyEntry } from './copy.js';
export { MoveEntry, type Placed, type Placing } from './move.js';
export { type Outline, Outlines } from './outlines.js';
export { Properties, type PropertyChange } from './properties.js';
export type { Property, PropertyName } from './properties.store.js';
export { Trash } from './trash.js';
export { Locks } from './locks.js';
export { holdingAt, type HeldLock } from './lock-rules.js';
export { Tree, type Admission, type FoundFile, type FolderPage } from './tree.js';
export { publishVersion, type NewVersion, type Published } from './publish-version.js';
export { fileRecord, verifiedSha256, type EntryRecord, type FileRecord, type FolderRecord } from './records.js';
export { TreePath } from './tree-path.js';
export { formatPath, namesFromUrl, parsePath, type Names } from './names.js';
export {
  checkPreconditions,
  etagOf,
  lockTokens,
  parseTags,
  preconditionsOf,
  type Preconditions,
} from './preconditions.js';
export * from './errors.js';
export { placesOf } from './paths.js';
export { dropTree } from './erase-account.js';
