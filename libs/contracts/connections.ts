import { z } from 'zod';
import { ByteCount, Id, Moment, nextCursor } from './common.js';

export const ProviderField = z.object({
  name: z.string(),
  label: z.string(),
  help: z.string().optional(),
  kind: z.enum(['text', 'secret', 'url', 'choice']),
  choices: z.array(z.string()).optional(),
  required: z.boolean(),
});
export type ProviderField = z.infer<typeof ProviderField>;

export const ProviderKind = z.object({
  provider: z.string(),
  title: z.string(),
  help: z.string(),
  signIn: z.enum(['form', 'oauth']),
  webLogin: z
    .boolean()
    .describe('Whether the provider’s own page can hand out the login: `POST /api/cloud/login/PROVIDER`.'),
  adminsOnly: z.boolean(),
  consents: z
    .array(z.object({ id: z.string(), title: z.string() }))
    .optional()
    .describe('Where `signIn` is `oauth`: what may be asked for.'),
  configured: z.boolean().optional().describe('Where `signIn` is `oauth`: whether the operator has set it up.'),
  fields: z.array(ProviderField),
  capabilities: z.object({
    largestBlob: ByteCount,
    checksum: z.string().nullable(),
    createOnly: z.boolean(),
    spaceKnown: z.boolean(),
    ranges: z.boolean(),
  }),
});
export type ProviderKind = z.infer<typeof ProviderKind>;
export const ProviderList = z.object({ items: z.array(ProviderKind) });
export type ProviderList = z.infer<typeof ProviderList>;

const Label = z.string().trim().min(1).max(50);
const Domain = z.string().trim().min(1).max(75);

/** Beside these, the fields of the provider's own form, which `GET /api/cloud/providers` lists. */
export const ConnectionRequest = z.looseObject({
  label: Label,
  house: z.boolean().optional().describe('Open to all accounts. For admins only.'),
  domain: Domain.optional().describe('What it fails together with. For admins only; found by itself otherwise.'),
});
export type ConnectionRequest = z.infer<typeof ConnectionRequest>;

export const ProviderParams = z.object({ provider: z.string().max(40) });
export type ProviderParams = z.infer<typeof ProviderParams>;

const Rate = z.number().min(0.1).max(10_000);
/** Slower than this, a single chunk would take minutes. */
const Bandwidth = z
  .int()
  .min(64 * 1024)
  .max(2 ** 40);

/** A limit that is null, or not there, does not limit; the provider's own always hold. */
export const ConnectionLimits = z.strictObject({
  maxBytes: ByteCount.nullable().optional().describe('How much of ours may lie there.'),
  concurrency: z.int().min(1).max(64).nullable().optional().describe('Requests at once, over all gateways.'),
  requestsPerSecond: Rate.nullable().optional().describe('Over all gateways.'),
  uploadBytesPerSecond: Bandwidth.nullable().optional().describe('What is sent there, on average.'),
  downloadBytesPerSecond: Bandwidth.nullable().optional().describe('What is fetched from there, on average.'),
  bytesPerDay: z
    .int()
    .min(1024 * 1024)
    .max(2 ** 50)
    .nullable()
    .optional()
    .describe('What may be sent there in 24 hours. Reading is never refused.'),
});
export type ConnectionLimits = z.infer<typeof ConnectionLimits>;

export const ConnectionChange = z.strictObject({
  label: Label.optional(),
  enabled: z.boolean().optional(),
  priority: z.int().min(-1000).max(1000).optional(),
  limits: ConnectionLimits.optional(),
  spool: z
    .boolean()
    .optional()
    .describe(
      'A vault of the house that every gateway reads: a shard may wait there for a connection that is away. For admins only.',
    ),
  keepsBackups: z
    .boolean()
    .optional()
    .describe('Backups of the gateway’s database lie there, too. Only of the house’s, and for admins only.'),
  givenUp: z
    .boolean()
    .optional()
    .describe(
      'Nobody waits for it any more: what lies there is made anew elsewhere, where enough else is left to make it of. By itself it is given up after some days without an answer, and counts again when it is back; what was said by hand is taken back by hand.',
    ),
  acknowledgeAlarm: z
    .literal(true)
    .optional()
    .describe('Somebody has looked at what the alarm tells of: go on with what lies there. For admins only.'),
});
export type ConnectionChange = z.infer<typeof ConnectionChange>;

export const ConnectionStatus = z.enum(['healthy', 'degraded', 'failing', 'needs-reconnect', 'disabled']);
export type ConnectionStatus = z.infer<typeof ConnectionStatus>;

export const Connection = z.object({
  id: Id,
  provider: z.string(),
  label: z.string(),
  status: ConnectionStatus,
  house: z.boolean(),
  domain: z.string(),
  enabled: z.boolean(),
  priority: z.int(),
  limits: ConnectionLimits,
  spool: z.boolean().describe('Whether an admin has said that every gateway reads what waits there.'),
  keepsBackups: z.boolean().describe('Whether backups of the gateway’s own database lie there, too.'),
  drainingSince: Moment.nullable().describe('Since when everything is moved off it, and nothing new goes there.'),
  givenUpAt: Moment.nullable().describe('Since when nobody waits for it any more; null for one that counts.'),
  space: z.object({ total: ByteCount.nullable(), used: ByteCount.nullable(), free: ByteCount.nullable() }),
  lastSuccessAt: Moment.nullable(),
  lastError: z.string().nullable(),
  lastErrorAt: Moment.nullable(),
  accountName: z
    .string()
    .nullable()
    .describe('What its owner knows the remote account by, where it was connected by consent. Null for the house’s.'),
  grantExpiresAt: Moment.nullable().describe(
    'When the consent lapses whatever the gateway does; null where nothing is known to end it. Connect anew before.',
  ),
  createdAt: Moment,
});
export type Connection = z.infer<typeof Connection>;

/** Of the last 24 hours, over all gateways; the newest seconds may be missing. */
export const ConnectionActivity = z.object({
  requests: z.int(),
  failures: z.int().describe('Without an answer, or with one that says that something is broken there.'),
  throttles: z.int().describe('Answered with the wish to slow down.'),
  errorRate: z.number().describe('Failures by requests.'),
  bytesUp: ByteCount,
  bytesDown: ByteCount,
  pausedSeconds: z.int().describe('For how long nothing goes out now: it asked for quiet, or rests after failures.'),
});
export type ConnectionActivity = z.infer<typeof ConnectionActivity>;
export const ConnectionDetails = Connection.extend({ activity: ConnectionActivity });
export type ConnectionDetails = z.infer<typeof ConnectionDetails>;
export const ConnectionList = z.object({ items: z.array(Connection) });
export type ConnectionList = z.infer<typeof ConnectionList>;

/** What a consent is asked for. */
export const ConsentStartQuery = z.object({
  label: Label.optional().describe('The connection’s name; without it the account’s own.'),
  consent: z.string().max(40).optional().describe('One of the provider’s consents; the first one without it.'),
  reconnect: Id.optional().describe('The connection whose consent has ended: the same account has to be chosen.'),
  house: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional()
    .describe('Open to all accounts. For admins only.'),
  domain: Domain.optional().describe('What it fails together with. For admins only; found by itself otherwise.'),
});
export type ConsentStartQuery = z.infer<typeof ConsentStartQuery>;

export const ConsentStarted = z.object({ url: z.url().describe('The vendor’s page. Open it in this very browser.') });
export type ConsentStarted = z.infer<typeof ConsentStarted>;

export const ConnectionTest = z.object({
  ok: z.literal(true),
  steps: z.array(z.object({ step: z.string(), ms: z.number().nonnegative() })),
});
export type ConnectionTest = z.infer<typeof ConnectionTest>;

export const DefaultStorage = z.object({
  data: z.int(),
  parity: z.int(),
  connections: z.array(Id).nullable().describe('Null means all that the account may use.'),
});
export type DefaultStorage = z.infer<typeof DefaultStorage>;

export const DefaultStorageChange = z.strictObject({
  data: z.int().min(1).max(16),
  parity: z.int().min(0).max(8),
  connections: z.array(Id).min(1).max(100).nullable().optional(),
});
export type DefaultStorageChange = z.infer<typeof DefaultStorageChange>;

export const FolderParams = z.object({ provider: z.string().max(40), folderId: z.string().min(1).max(2048) });
export type FolderParams = z.infer<typeof FolderParams>;

export const UnsavedFolderQuery = z.object({ cursor: z.string().max(2048).optional() });
export type UnsavedFolderQuery = z.infer<typeof UnsavedFolderQuery>;
export const FolderQuery = UnsavedFolderQuery.extend({
  connection: Id.optional().describe('Needed where the account has several connections of the provider.'),
});
export type FolderQuery = z.infer<typeof FolderQuery>;

/** The fields of the provider's form. */
export const FolderRequest = z.looseObject({ label: z.string().max(200).optional().describe('Passed over.') });
export type FolderRequest = z.infer<typeof FolderRequest>;

export const RemoteFolder = z.object({
  id: z.string(),
  name: z.string(),
  settings: z
    .record(z.string(), z.string())
    .optional()
    .describe('What to fill into the form for Tessera’s folder to be made in this one.'),
});
export type RemoteFolder = z.infer<typeof RemoteFolder>;

export const FolderList = z.object({ items: z.array(RemoteFolder), nextCursor });
export type FolderList = z.infer<typeof FolderList>;

export const WebLoginParams = z.object({ provider: z.string().max(40), id: Id });
export type WebLoginParams = z.infer<typeof WebLoginParams>;
export const WebLoginBegun = z.object({
  id: Id,
  page: z.url().describe('For the person’s browser.'),
  expiresAt: Moment,
});
export type WebLoginBegun = z.infer<typeof WebLoginBegun>;
export const WebLoginWaiting = z.object({ waiting: z.literal(true) });
export type WebLoginWaiting = z.infer<typeof WebLoginWaiting>;

const FilesAndBytes = z.object({ files: z.int().nonnegative(), bytes: ByteCount });

/** What would become of what lies on a connection, were it removed now. */
export const Leaving = z.object({
  empty: z.boolean().describe('Nothing that anybody needs lies there.'),
  unreadable: FilesAndBytes.describe('Files, in the trash too, of which at least one version lies nowhere else.'),
  degraded: FilesAndBytes.describe('Files that would still be read, with fewer losses to spare.'),
  blobs: z.int().nonnegative(),
  blobBytes: ByteCount,
  accounts: z.int().nonnegative().describe('How many accounts are touched.'),
  chosen: z.boolean().describe('A default storage names this connection; it would have to be changed.'),
  examples: z
    .array(z.object({ path: z.string(), inTrash: z.boolean(), unreadable: z.boolean() }))
    .describe('Some of the caller’s own files; none for a connection of the house.'),
});
export type Leaving = z.infer<typeof Leaving>;

export const LeavingQuery = z.object({
  force: z.stringbool().default(false).describe('Remove it although files would become unreadable.'),
});
export type LeavingQuery = z.infer<typeof LeavingQuery>;
