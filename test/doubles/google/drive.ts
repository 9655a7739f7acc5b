import { randomBytes } from 'node:crypto';
import { DriveRefusal, json, nothing, type Reply } from './answering.js';
import { masked, readMask } from './fields.js';
import type { Misdeed } from './faults.js';
import type { Grant, Grants } from './grants.js';
import { type Item, Items } from './items.js';
import { metadataOf } from './metadata.js';
import { readQuery } from './query.js';
import type { Received } from './server.js';
import { Uploads } from './uploads.js';
import { driveScopes, type GoogleUser, type GoogleWays } from './ways.js';

interface Page {
  readonly rest: readonly Item[];
  readonly query: string;
  readonly expiresAt: number;
}

const pageLifeMs = 60 * 60_000;
const defaultFields = 'kind,id,name,mimeType';
const fileFields = [
  ...['kind', 'id', 'name', 'mimeType', 'size', 'quotaBytesUsed', 'parents', 'trashed', 'explicitlyTrashed'],
  ...['md5Checksum', 'sha1Checksum', 'sha256Checksum', 'appProperties', 'createdTime', 'modifiedTime', 'version'],
  'originalFilename',
];

/** www.googleapis.com: the Drive API, a Drive for each user. */
export class Drive {
  private readonly drives = new Map<string, Items>();
  private readonly pages = new Map<string, Page>();
  private readonly uploads: Uploads;
  private readonly calls: number[] = [];

  constructor(
    private readonly grants: Grants,
    private readonly ways: GoogleWays,
    private readonly now: () => number,
  ) {
    this.uploads = new Uploads(ways, now);
  }

  of(user: GoogleUser): Items {
    const known = this.drives.get(user.id) ?? new Items(this.ways, this.now);
    this.drives.set(user.id, known);
    return known;
  }

  changeByHand(id: string, change: (items: Items, item: Item) => void): void {
    for (const items of this.drives.values()) {
      const item = items.all.get(id);
      if (item) return change(items, item);
    }
    throw new Error(`There is no file ${id}.`);
  }

  expireSessions(): void {
    this.uploads.sessions.clear();
  }

  /** Null where the address is none of Drive's. */
  answer(received: Received): Reply | null {
    const { url, method } = received;
    const path = /^(\/upload)?\/drive\/v3\/(about|files)(?:\/([^/]+))?$/.exec(url.pathname);
    if (!path) return null;
    const [, upload, , id] = path;
    try {
      this.throttle();
      if (upload !== undefined && url.searchParams.has('upload_id'))
        return this.uploads.goOn(received, (item, items) => this.told(item, items, received));
      const grant = this.grantOf(received);
      const items = this.of(grant.user);
      if (path[2] === 'about') return this.about(received, grant);
      if (upload !== undefined) {
        const target = id === undefined ? null : items.find(id, grant);
        return this.uploads.begin(received, { grant, items, target }, (item) => this.told(item, items, received));
      }
      if (!received.whole) return nothing(400);
      switch (`${method}${id === undefined ? '' : ' id'}`) {
        case 'GET':
          return this.list(received, items, grant);
        case 'POST':
          return this.told(items.make(metadataOf(received), null, grant), items, received);
        case 'GET id':
          return id === 'generateIds'
            ? this.generateIds(received, items)
            : this.get(received, items.find(id!, grant), items);
        case 'PATCH id': {
          const item = items.find(id!, grant);
          items.change(item, metadataOf(received), null);
          const to = url.searchParams.get('addParents');
          if (to !== null) items.move(item, to, (url.searchParams.get('removeParents') ?? '').split(','), grant);
          return this.told(item, items, received);
        }
        case 'DELETE id':
          items.delete(items.find(id!, grant));
          return nothing(204);
        default:
          return null;
      }
    } catch (error) {
      if (error instanceof DriveRefusal) return error.reply;
      throw error;
    }
  }

  /** More calls in a while than it allows are told to slow down. */
  private throttle(): void {
    const { allowance } = this.ways;
    if (!allowance) return;
    const now = this.now();
    while (this.calls.length > 0 && this.calls[0]! <= now - allowance.perMs) this.calls.shift();
    if (this.calls.length >= allowance.calls)
      throw new DriveRefusal(403, 'userRateLimitExceeded', 'User Rate Limit Exceeded', 'usageLimits');
    this.calls.push(now);
  }

  private grantOf({ headers }: Received): Grant {
    const token = this.grants.findAccess(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '');
    if (!token) throw new DriveRefusal(401, 'authError', 'Invalid Credentials');
    if (!token.scopes.some((scope) => driveScopes.includes(scope)))
      throw new DriveRefusal(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
    return token.grant;
  }

  private about({ url }: Received, { user }: Grant): Reply {
    const fields = url.searchParams.get('fields');
    if (fields === null) throw new DriveRefusal(400, 'required', "The 'fields' parameter is required for this method.");
    const used = String(this.of(user).used);
    const limit = this.ways.storageBytes === null ? {} : { limit: String(this.ways.storageBytes) };
    const value = {
      kind: 'drive#about',
      user: { kind: 'drive#user', displayName: user.name, me: true, permissionId: user.id, emailAddress: user.email },
      storageQuota: { ...limit, usage: used, usageInDrive: used, usageInDriveTrash: '0' },
    };
    return json(200, masked(value, readMask(fields), Object.keys(value)) as object);
  }

  private generateIds({ url }: Received, items: Items): Reply {
    const count = Number(url.searchParams.get('count') ?? 10);
    if (!(count >= 1 && count <= 1000)) throw new DriveRefusal(400, 'invalidParameter', 'Invalid value for count');
    return json(200, { kind: 'drive#generatedIds', space: 'drive', ids: items.generateIds(count) });
  }

  private get({ url, headers, misdeed }: Received, item: Item, items: Items): Reply {
    if (url.searchParams.get('alt') !== 'media') return this.told(item, items, { url, misdeed });
    if (item.bytes === null)
      throw new DriveRefusal(403, 'fileNotDownloadable', 'Only files with binary content can be downloaded.');
    const { bytes } = item;
    const common = { 'content-type': item.mimeType };
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
    if (!range) return { status: 200, headers: common, body: bytes };
    const from = Number(range[1]);
    const to = Math.min(range[2] === '' ? Infinity : Number(range[2]), bytes.length - 1);
    if (from >= bytes.length)
      return {
        ...nothing(416, { 'content-range': `bytes */${bytes.length}` }),
        body: Buffer.from('Requested range not satisfiable'),
      };
    const part = { ...common, 'content-range': `bytes ${from}-${to}/${bytes.length}` };
    return { status: 206, headers: part, body: bytes.subarray(from, to + 1) };
  }

  private list({ url }: Received, items: Items, grant: Grant): Reply {
    const query = url.searchParams.get('q') ?? '';
    const fields = url.searchParams.get('fields') ?? `kind,incompleteSearch,nextPageToken,files(${defaultFields})`;
    const wanted = Number(url.searchParams.get('pageSize') ?? Infinity);
    if (!(wanted >= 1)) throw new DriveRefusal(400, 'invalidParameter', 'Invalid value for pageSize');
    const found = this.rest(url.searchParams.get('pageToken'), query) ?? this.search(query, items, grant);
    const length = Math.min(wanted === Infinity ? Infinity : 1000, wanted, this.ways.pageLength);
    const next = found.length > length ? randomBytes(24).toString('base64url') : undefined;
    if (next !== undefined)
      this.pages.set(next, { rest: found.slice(length), query, expiresAt: this.now() + pageLifeMs });
    const value = {
      kind: 'drive#fileList',
      incompleteSearch: this.ways.searchesIncompletely,
      ...(next === undefined ? {} : { nextPageToken: next }),
      files: found.slice(0, length).map((item) => shown(item, items)),
    };
    const known = ['kind', 'incompleteSearch', 'nextPageToken', 'files'];
    return json(200, masked(value, readMask(fields), known) as object);
  }

  private rest(token: string | null, query: string): readonly Item[] | null {
    if (token === null) return null;
    const page = this.pages.get(token);
    if (!page || page.query !== query || page.expiresAt <= this.now())
      throw new DriveRefusal(400, 'invalid', 'Invalid Value');
    return page.rest;
  }

  private search(query: string, items: Items, grant: Grant): readonly Item[] {
    const test = query === '' ? () => true : readQuery(query);
    const folder = /'([^']+)' in parents/.exec(query)?.[1];
    if (folder !== undefined && folder !== 'root' && folder !== items.root) items.find(folder, grant);
    const now = this.now();
    return [...items.all.values()].filter(
      (item) => items.sees(item, grant) && item.listedAt <= now && test(item, items),
    );
  }

  private told(item: Item, items: Items, { url, misdeed }: { url: URL; misdeed: Misdeed | undefined }): Reply {
    const fields = url.searchParams.get('fields') ?? defaultFields;
    const value = shown(item, items);
    if (misdeed?.kind === 'miscounts' && item.bytes) Object.assign(value, wrongChecksums(value));
    return json(200, masked(value, readMask(fields), fileFields) as object);
  }
}

/** 64-bit numbers are strings, as in all of Google's JSON. */
function shown(item: Item, items: Items): Record<string, unknown> {
  const { bytes, md5, sha1, sha256 } = item;
  const content = bytes && {
    size: String(bytes.length),
    quotaBytesUsed: String(bytes.length),
    md5Checksum: md5,
    sha1Checksum: sha1,
    sha256Checksum: sha256,
    originalFilename: item.name,
  };
  return {
    kind: 'drive#file',
    id: item.id,
    name: item.name,
    mimeType: item.mimeType,
    parents: [item.parent],
    trashed: items.trashed(item),
    explicitlyTrashed: item.explicitlyTrashed,
    createdTime: new Date(item.madeAt).toISOString(),
    modifiedTime: new Date(item.modifiedAt).toISOString(),
    version: '1',
    ...(Object.keys(item.appProperties).length > 0 ? { appProperties: item.appProperties } : {}),
    ...content,
  };
}

function wrongChecksums(value: Readonly<Record<string, unknown>>): object {
  const names = ['md5Checksum', 'sha1Checksum', 'sha256Checksum'];
  return Object.fromEntries(names.map((name) => [name, String(value[name]).replaceAll(/./g, '0')]));
}
