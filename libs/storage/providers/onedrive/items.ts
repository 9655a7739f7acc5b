import { ConnectionAway } from '../../errors.js';

/** What Graph says of a file or a folder, as far as we ask. */
export interface DriveItem {
  readonly id: string;
  readonly name: string;
  readonly size: number | null;
  readonly isFolder: boolean;
  /** Null where Microsoft does not say. */
  readonly childCount: number | null;
  readonly quickXorHash: string | null;
  readonly driveId: string | null;
  readonly driveType: string | null;
}

/** `$select` for all of it but the place. */
export const itemFields = 'id,name,size,file,folder';

type Json = Readonly<Record<string, unknown>>;

/** Answers are a stranger's: what is not as it should be is as good as no answer. */
export class NotUnderstood extends ConnectionAway {
  constructor() {
    super('Microsoft answers in a way that is not understood.');
  }
}

export function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function readItem(value: unknown): DriveItem {
  const item = asObject(value);
  const place = asObject(item['parentReference']);
  return {
    id: requireId(item['id']),
    name: text(item['name']) ?? '',
    size: count(item['size']),
    isFolder: typeof item['folder'] === 'object',
    childCount: count(asObject(item['folder'])['childCount']),
    quickXorHash: hash(asObject(asObject(item['file'])['hashes'])['quickXorHash']),
    driveId: text(place['driveId']),
    driveType: text(place['driveType']),
  };
}

export interface ItemPage {
  readonly items: readonly DriveItem[];
  /** As it was told; whoever follows it checks where it leads. */
  readonly nextLink: string | null;
}

export function readPage(value: unknown): ItemPage {
  const { value: items, '@odata.nextLink': nextLink } = asObject(value);
  if (!Array.isArray(items)) throw new NotUnderstood();
  return { items: items.map(readItem), nextLink: text(nextLink) };
}

export interface UploadSession {
  readonly uploadUrl: string;
  readonly next: number;
}

export function readSession(value: unknown): UploadSession {
  const { uploadUrl } = asObject(value);
  if (typeof uploadUrl !== 'string') throw new NotUnderstood();
  return { uploadUrl, next: readNext(value) ?? 0 };
}

/** Where the upload goes on: the list may be incomplete, and only its first entry counts. Null when nothing is missing. */
export function readNext(value: unknown): number | null {
  const { nextExpectedRanges } = asObject(value);
  if (!Array.isArray(nextExpectedRanges)) return null;
  const first: unknown = nextExpectedRanges[0];
  const start = typeof first === 'string' ? /^(\d{1,15})-\d*$/.exec(first)?.[1] : undefined;
  return start === undefined ? null : Number(start);
}

export interface DriveRecord {
  readonly id: string;
  readonly owner: string | null;
  readonly total: number | null;
  readonly used: number | null;
  readonly free: number | null;
}

export function readDrive(value: unknown): DriveRecord {
  const drive = asObject(value);
  const quota = asObject(drive['quota']);
  const user = asObject(asObject(drive['owner'])['user']);
  const [total, used, free] = [count(quota['total']), count(quota['used']), count(quota['remaining'])];
  return {
    id: requireId(drive['id']),
    owner: text(user['email']) ?? text(user['displayName']),
    ...(quota['state'] === 'exceeded' ? { total, used, free: 0 } : { total, used, free }),
  };
}

/** Letters, digits and what ids of all kinds of drives are seen to have between them; never what a path would take apart. */
function requireId(value: unknown): string {
  if (typeof value === 'string' && /^[\w!.$%-]{1,300}$/.test(value)) return value;
  throw new NotUnderstood();
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 && value.length <= 8192 ? value : null;
}

function count(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}

function hash(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9+/]{27}=$/.test(value) ? value : null;
}
