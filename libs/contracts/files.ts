import { z } from 'zod';
import { ByteCount, Id, Moment, nextCursor, PageQuery, Sha256 } from './common.js';

const named = {
  id: Id,
  path: z.string().describe('Its names, each percent-encoded, joined by `/`. The root is empty.'),
  name: z.string(),
};
const dated = { createdAt: Moment, modifiedAt: Moment };

export const FileRecord = z.object({
  ...named,
  type: z.literal('file'),
  size: ByteCount,
  contentType: z.string(),
  etag: z.string(),
  version: Id,
  sha256: Sha256,
  ...dated,
});
export type FileRecord = z.infer<typeof FileRecord>;

export const FolderRecord = z.object({ ...named, type: z.literal('folder'), ...dated });
export type FolderRecord = z.infer<typeof FolderRecord>;

export const NodeRecord = z.discriminatedUnion('type', [FileRecord, FolderRecord]);
export type NodeRecord = z.infer<typeof NodeRecord>;

export const FolderPage = FolderRecord.extend({ items: z.array(NodeRecord), nextCursor });
export type FolderPage = z.infer<typeof FolderPage>;

export const TreeAnswer = z.union([FileRecord, FolderPage]);
export type TreeAnswer = z.infer<typeof TreeAnswer>;

export const VersionRecord = z.object({
  version: Id,
  number: z
    .int()
    .positive()
    .describe('Counts up with each write; numbers of versions that are gone are not used again.'),
  newest: z.boolean().describe('The one that the file shows.'),
  size: ByteCount,
  contentType: z.string(),
  etag: z.string(),
  sha256: Sha256,
  ...dated,
});
export type VersionRecord = z.infer<typeof VersionRecord>;

export const VersionPage = z.object({ items: z.array(VersionRecord), nextCursor });
export type VersionPage = z.infer<typeof VersionPage>;

export const VersionsQuery = PageQuery.extend({ cursor: z.coerce.number().int().positive().optional() });
export type VersionsQuery = z.infer<typeof VersionsQuery>;

export const RestoreVersion = z.strictObject({
  restore: Id.describe('The version whose bytes become the newest ones.'),
});
export type RestoreVersion = z.infer<typeof RestoreVersion>;

export const OneVersion = z.object({ version: Id });
export type OneVersion = z.infer<typeof OneVersion>;

export const ContentQuery = z.object({ version: Id.optional().describe('An earlier version instead of the newest.') });
export type ContentQuery = z.infer<typeof ContentQuery>;

const SIDES = ['256', '512', '1024'] as const;

export const PreviewQuery = ContentQuery.extend({
  size: z
    .enum(SIDES)
    .default('256')
    .transform(Number)
    .describe(
      'The longer side in pixels; a picture that is smaller is not made larger, a page is drawn as large as this.',
    ),
});
export type PreviewQuery = z.infer<typeof PreviewQuery>;

export const TrashEntry = z.object({
  id: Id,
  type: z.enum(['file', 'folder']),
  name: z.string(),
  path: z.string().describe('Where it was, and comes back to.'),
  size: ByteCount.optional().describe('Of a file.'),
  trashedAt: Moment,
  daysLeft: z.int().nonnegative().nullable().describe('Until it is erased by itself; null where it never is.'),
});
export type TrashEntry = z.infer<typeof TrashEntry>;

export const TrashPage = z.object({ items: z.array(TrashEntry), nextCursor });
export type TrashPage = z.infer<typeof TrashPage>;

export const TrashQuery = PageQuery;
export type TrashQuery = z.infer<typeof TrashQuery>;

export const TreeQuery = PageQuery;
export type TreeQuery = z.infer<typeof TreeQuery>;

export const Change = z.object({
  id: Id,
  type: z.enum(['file', 'folder']),
  change: z
    .enum(['made', 'stored', 'moved', 'trashed', 'restored', 'erased'])
    .describe(
      'The last thing that happened to it. What lies in a folder comes and goes with it, without a word of its own.',
    ),
  at: Moment,
  entry: NodeRecord.nullable().describe('As it is now; null where it is in the trash, or gone.'),
});
export type Change = z.infer<typeof Change>;

export const ChangePage = z.object({
  items: z.array(Change),
  cursor: z.string().describe('Asks for what comes after this.'),
  more: z.boolean().describe('Whether there is more already.'),
});
export type ChangePage = z.infer<typeof ChangePage>;

export const ChangesQuery = PageQuery.extend({
  from: z
    .enum(['oldest', 'now'])
    .default('oldest')
    .describe('Without a cursor: all that is remembered, or nothing yet and a cursor for what comes.'),
});
export type ChangesQuery = z.infer<typeof ChangesQuery>;

/** Names that no file can have are refused where paths are read, not here. 255 bytes a name, thrice when encoded. */
const Path = z.string().max(65_536);

export const ArchiveRequest = z.strictObject({
  paths: z.array(Path).min(1).max(1000).describe('Files and folders, each encoded as in an address.'),
});
export type ArchiveRequest = z.infer<typeof ArchiveRequest>;

export const ImmutableRequest = z.strictObject({
  until: Moment.describe('It can be moved further away later, never back.'),
});
export type ImmutableRequest = z.infer<typeof ImmutableRequest>;

export const ImmutableFolder = z.object({ id: Id, path: z.string(), until: Moment });
export type ImmutableFolder = z.infer<typeof ImmutableFolder>;

export const ImmutableFolderList = z.object({ items: z.array(ImmutableFolder) });
export type ImmutableFolderList = z.infer<typeof ImmutableFolderList>;

const NamePart = z.string().min(1).max(255);
const Bytes = z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

export const SearchQuery = PageQuery.extend({
  name: NamePart.optional().describe('Any part of the name, in any case.'),
  prefix: NamePart.optional().describe('What the name begins with, in any case.'),
  type: z.enum(['file', 'folder']).optional(),
  contentType: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('`image/jpeg`, or `image/*`. Files only, as all that follow.'),
  minSize: Bytes.optional(),
  maxSize: Bytes.optional(),
  modifiedAfter: Moment.optional(),
  modifiedBefore: Moment.optional(),
  sort: z
    .enum(['name', 'newest', 'largest'])
    .optional()
    .describe('By name where a name is asked for, else the newest first. The other two find files only.'),
});
export type SearchQuery = z.infer<typeof SearchQuery>;

export const SearchPage = z.object({ items: z.array(NodeRecord), nextCursor });
export type SearchPage = z.infer<typeof SearchPage>;

export const MakeFolder = z.strictObject({ type: z.literal('folder') });
export type MakeFolder = z.infer<typeof MakeFolder>;

export const MoveRequest = z.strictObject({ path: Path.describe('Where it shall lie, encoded as in an address.') });
export type MoveRequest = z.infer<typeof MoveRequest>;

export const CopyRequest = z.strictObject({ from: Path, to: Path });
export type CopyRequest = z.infer<typeof CopyRequest>;

export const ShardState = z.enum(['live', 'spooled', 'missing', 'damaged']);
export type ShardState = z.infer<typeof ShardState>;

export const Placement = z.object({
  spread: z.object({ data: z.int().positive(), parity: z.int().nonnegative() }),
  survives: z.int().nonnegative().describe('How many domains may be lost, as things are now.'),
  readable: z.boolean().describe('False when too few shards of some chunk are left to read it.'),
  words: z.string().describe('The same in words, and whether something is waiting for repair.'),
  weakened: z.int().nonnegative().describe('Chunks with fewer shards than were meant.'),
  unreadable: z.int().nonnegative().describe('Chunks of which too few shards are left.'),
  chunks: z.array(
    z.object({
      index: z.int().nonnegative(),
      length: ByteCount,
      shards: z.array(
        z.object({
          index: z.int().nonnegative(),
          connection: Id,
          state: ShardState,
          why: z.string().describe('Why it lies there, or what became of it.'),
        }),
      ),
    }),
  ),
  nextCursor,
});
export type Placement = z.infer<typeof Placement>;
