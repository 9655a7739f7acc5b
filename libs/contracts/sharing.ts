import { z } from 'zod';
import { ByteCount, Id, Moment, nextCursor, PageQuery, Sha256 } from './common.js';
import { ArchiveRequest } from './files.js';

const Path = ArchiveRequest.shape.paths.element;
const Opaque = z.string().max(128);

export const LinkRequest = z.strictObject({
  path: Path.describe('The file or folder that the link gives.'),
  password: z.string().min(1).max(512).optional().describe('Asked of whoever opens it. Only its hash is kept.'),
  expiresAt: Moment.optional(),
  mostDownloads: z.int().min(1).max(1_000_000).optional(),
});
export type LinkRequest = z.infer<typeof LinkRequest>;

export const Link = z.object({
  id: Id,
  path: z.string().nullable().describe('Where it leads now; null while that is in the trash.'),
  hasPassword: z.boolean(),
  expiresAt: Moment.nullable(),
  mostDownloads: z.int().nullable(),
  downloads: z.int(),
  lastDownloadAt: Moment.nullable(),
  createdAt: Moment,
  open: z.boolean().describe('False when it has expired, or was used up.'),
});
export type Link = z.infer<typeof Link>;

export const NewLink = Link.extend({
  url: z.string().describe('The page for people. Shown once; only a hash of its token is kept.'),
  token: z.string().describe('The part of it that programs open the link with.'),
});
export type NewLink = z.infer<typeof NewLink>;

export const LinkList = z.object({ items: z.array(Link) });
export type LinkList = z.infer<typeof LinkList>;

export const SharedEntry = z.object({
  path: z.string().describe('Below what is shared, which is empty itself.'),
  name: z.string(),
  type: z.enum(['file', 'folder']),
  size: ByteCount.optional().describe('Of a file.'),
  modifiedAt: Moment,
});
export type SharedEntry = z.infer<typeof SharedEntry>;

export const VisitRequest = z.strictObject({ token: Opaque, password: z.string().max(512).optional() });
export type VisitRequest = z.infer<typeof VisitRequest>;

export const Visit = z.object({
  visit: z.string().describe('For the calls that follow, for an hour.'),
  entry: SharedEntry,
});
export type Visit = z.infer<typeof Visit>;

export const SharedQuery = z.strictObject({
  visit: Opaque,
  path: Path.default(''),
  limit: PageQuery.shape.limit,
  cursor: PageQuery.shape.cursor,
});
export type SharedQuery = z.infer<typeof SharedQuery>;

export const SharedPage = z.object({ entry: SharedEntry, items: z.array(SharedEntry), nextCursor });
export type SharedPage = z.infer<typeof SharedPage>;

export const SharedDownload = z.strictObject({ visit: Opaque, path: Path.default('') });
export type SharedDownload = z.infer<typeof SharedDownload>;

export const DownloadAddress = z.object({ url: z.string().describe('Works once, within ten minutes.') });
export type DownloadAddress = z.infer<typeof DownloadAddress>;

export const TicketParams = z.object({ ticket: Opaque });
export type TicketParams = z.infer<typeof TicketParams>;

export const UploadAddressRequest = z.strictObject({
  path: Path.min(1).max(4096).describe('Where the upload shall lie.'),
  seconds: z.int().min(1).max(604_800).default(3600).describe('How long the address takes it. At most a week.'),
  mostBytes: ByteCount.optional(),
  replace: z.boolean().default(false).describe('Whether it may become a new version of a file that is there.'),
});
export type UploadAddressRequest = z.infer<typeof UploadAddressRequest>;

export const UploadAddress = z.object({
  url: z.string().describe('Takes a PUT, with no other credential. Whoever has it may use it.'),
  expiresAt: Moment,
});
export type UploadAddress = z.infer<typeof UploadAddress>;

export const SignedUploadParams = z.object({ address: z.string().max(8192) });
export type SignedUploadParams = z.infer<typeof SignedUploadParams>;

/** Nothing that tells whoever was given an address more than what they sent. */
export const SignedUpload = z.object({ size: ByteCount, sha256: Sha256 });
export type SignedUpload = z.infer<typeof SignedUpload>;
