import type { Accounts, Clock, User } from './accounts.js';
import type { BytesHost } from './bytes-host.js';
import { type Asked, answer, refusal, Refusal, type Reply } from './exchange.js';
import { type Conflict, Drive, type Folder, type Item, requireFolder } from './drive.js';

/** How Graph behaves; a test may change it at any time. */
export interface GraphWays {
  /** August 2026: who has consented to nothing but the application's folder meets 403 everywhere, until a wider consent has touched it once. */
  appFolderBroken: boolean;
  /** Uploads into an application's folder that no GET has made yet. */
  missingApproot: 403 | 404;
  /** Hashes that a file has. Zero-byte files may be without. */
  hashes: 'all' | 'none' | 'not in the answer to an upload' | 'none for empty files';
  /** Whether `GET /me/drive` is for those who may only see the application's folder. */
  driveShownToAppFolder: boolean;
  /** What a firm's drive can and a personal one cannot. */
  permanentDelete: 'as the kind of account' | 'never';
  /** Most children in one page, whatever is asked. */
  pageLength: number;
  /** What one user may spend in a minute: one for a look or a download, two for all else. Null: as much as they like. */
  unitsPerMinute: number | null;
}

const minuteMs = 60_000;

interface Place {
  readonly drive: Drive;
  /** What the path hangs below; null while there is no such folder. */
  readonly start: Item | null;
  readonly names: readonly string[];
  readonly verb: string;
  readonly isApproot: boolean;
}

const shape =
  /^\/v1\.0\/(?:me\/drive|drives\/([^/]+))(?:\/(root|special\/approot|items\/[^/:]+))?(?::\/([^:]*):?)?(?:\/(\w+))?$/;
const forbiddenInNames = /["*:<>?/\\|]|^[\s~]|\s$|\.$/;
const longestPath = 400;
const downloadUrl = '@microsoft.graph.downloadUrl';

/** graph.microsoft.com: what it knows about drives and the things in them. */
export class Graph {
  readonly ways: GraphWays = {
    appFolderBroken: false,
    missingApproot: 404,
    hashes: 'none for empty files',
    driveShownToAppFolder: true,
    permanentDelete: 'as the kind of account',
    pageLength: 1000,
    unitsPerMinute: null,
  };
  private readonly drives = new Map<string, Drive>();
  /** Whose application's folder works with the narrow consent. */
  private readonly provisioned = new Set<User>();

  private readonly spent = new Map<User, { until: number; units: number }>();

  constructor(
    private readonly accounts: Accounts,
    private readonly bytes: BytesHost,
    private readonly clock: Clock,
  ) {}

  driveOf(user: User): Drive {
    const drive = this.drives.get(user.driveId) ?? new Drive(user, this.accounts.application.name);
    this.drives.set(user.driveId, drive);
    return drive;
  }

  /** Null where the path is none of its own. */
  answer(asked: Asked): Reply | null {
    if (!asked.url.pathname.startsWith('/v1.0/')) return null;
    const caller = this.accounts.bearer(asked.headers.authorization);
    if (!caller) return refusal({ status: 401, code: 'InvalidAuthenticationToken' });
    const seconds = this.spend(caller.user, asked);
    if (seconds > 0) {
      const headers = { 'Retry-After': seconds, 'RateLimit-Remaining': 0, 'RateLimit-Reset': seconds };
      return refusal({ status: 429, code: 'activityLimitReached', inner: 'throttledRequest', headers });
    }
    const [, driveId, start, path, verb = ''] = shape.exec(asked.url.pathname) ?? [];
    if (start === undefined && !/^\/v1\.0\/(me\/drive|drives\/[^/]+)$/.test(asked.url.pathname)) {
      return refusal({ status: 400, code: 'invalidRequest' });
    }
    if (driveId !== undefined && decodeURIComponent(driveId) !== caller.user.driveId)
      return refusal({ status: 404, code: 'itemNotFound' });
    const narrow = !caller.scopes.includes('Files.ReadWrite');
    if (narrow && !caller.scopes.includes('Files.ReadWrite.AppFolder'))
      return refusal({ status: 403, code: 'accessDenied' });
    if (narrow && this.ways.appFolderBroken && !this.provisioned.has(caller.user)) {
      return refusal({ status: 403, code: 'accessDenied', inner: 'serviceReadOnly', message: 'Database Is Read Only' });
    }
    const drive = this.driveOf(caller.user);
    if (start === undefined) return this.drive(drive, narrow);
    const names = path === undefined ? [] : path.split('/').filter(Boolean).map(decodeURIComponent);
    return this.inDrive({ ...this.startOf(drive, start, names, asked), drive, names, verb }, narrow, asked);
  }

  /** Seconds to wait when the minute's budget is spent. Requests that are refused count, too. */
  private spend(user: User, { method, url }: Asked): number {
    const { unitsPerMinute } = this.ways;
    if (unitsPerMinute === null) return 0;
    const now = this.clock.now();
    const known = this.spent.get(user);
    const minute = known && known.until > now ? known : { until: now + minuteMs, units: 0 };
    this.spent.set(user, minute);
    minute.units += method === 'GET' && !url.pathname.endsWith('/children') ? 1 : 2;
    return minute.units > unitsPerMinute ? Math.ceil((minute.until - now) / 1000) : 0;
  }

  private startOf(
    drive: Drive,
    start: string,
    names: readonly string[],
    asked: Asked,
  ): { start: Item | null; isApproot: boolean } {
    if (start === 'root') return { start: drive.root, isApproot: false };
    if (start !== 'special/approot') return { start: drive.byId(decodeURIComponent(start.slice(6))), isApproot: false };
    if (asked.method === 'GET' && names.length === 0) {
      this.provisioned.add(drive.user);
      return { start: drive.makeApproot(), isApproot: true };
    }
    return { start: drive.approot, isApproot: true };
  }

  private inDrive(place: Place, narrow: boolean, asked: Asked): Reply {
    const { drive, start, names, verb } = place;
    for (const name of names) if (forbiddenInNames.test(name)) throw new Refusal(400, 'invalidRequest', 'invalidName');
    if (names.join('/').length > longestPath) throw new Refusal(400, 'invalidRequest', 'pathIsTooLong');
    if (!start) throw new Refusal(asked.method === 'GET' ? 404 : this.ways.missingApproot, 'itemNotFound');
    if (narrow && !drive.isWithinApproot(start)) throw new Refusal(403, 'accessDenied');
    const call = `${asked.method} ${verb}`;
    if (call === 'PUT content') return this.put(place, start, asked);
    if (call === 'POST createUploadSession') return this.openSession(place, start, asked);
    const item = drive.below(start, names);
    if (!item) throw new Refusal(404, 'itemNotFound');
    switch (call) {
      case 'GET ':
        return answer(200, this.shown(drive, item, selected(asked)));
      case 'GET children':
        return this.children(drive, requireFolder(item), asked);
      case 'GET content':
        if (item.children) throw new Refusal(400, 'invalidRequest', 'notAFile');
        return { status: 302, headers: { Location: this.bytes.downloadUrl(item) }, body: '' };
      case 'POST children':
        return this.makeFolder(drive, requireFolder(item), asked);
      case 'DELETE ':
        drive.remove(item, false);
        return answer(204);
      case 'POST permanentDelete':
        if (asked.body.length > 0) throw new Refusal(400, 'invalidRequest');
        return this.destroy(drive, item);
      default:
        throw new Refusal(405, 'notAllowed');
    }
  }

  private drive(drive: Drive, narrow: boolean): Reply {
    if (narrow && !this.ways.driveShownToAppFolder) throw new Refusal(403, 'accessDenied');
    const { user, used, free } = drive;
    const deleted = drive.bin.reduce((sum, item) => sum + sizeOf(item), 0);
    const left = free / user.quota;
    const state = free === 0 ? 'exceeded' : left < 0.01 ? 'critical' : left < 0.1 ? 'nearing' : 'normal';
    return answer(200, {
      id: user.driveId,
      driveType: user.kind,
      owner: { user: { id: user.objectId, displayName: user.name, email: user.email } },
      quota: { total: user.quota, used, remaining: free, deleted, state },
    });
  }

  private put(place: Place, start: Item, asked: Asked): Reply {
    const { drive, names } = place;
    const conflict = conflictOf(asked.url.searchParams.get('@microsoft.graph.conflictBehavior'), 'replace');
    if (asked.body.length > 250_000_000) throw new Refusal(413, 'invalidRequest');
    const content = this.bytes.newContent();
    const spoilt = asked.misdeed?.kind === 'spoils' ? Buffer.from(asked.body.map((byte) => byte ^ 1)) : asked.body;
    content.append(spoilt);
    if (names.length === 0) {
      if (start.children) throw new Refusal(400, 'invalidRequest', 'notAFile');
      const { item } = drive.place(requireFolder(start.parent!), start.name, content, 'replace');
      return answer(200, this.shown(drive, item, null, true));
    }
    const parent = this.makeParents(drive, start, names.slice(0, -1));
    if (asked.misdeed?.kind === 'loses') return answer(201, this.lost(drive, parent, names.at(-1)!, content));
    const { item, made } = drive.place(parent, names.at(-1)!, content, conflict);
    return answer(made ? 201 : 200, this.shown(drive, item, null, true));
  }

  /** Said to be there, and is not; without a hash, for nobody has looked at the bytes. */
  lost(drive: Drive, parent: Item, name: string, { length }: { length: number }): unknown {
    const { driveId } = drive.user;
    const parentReference = { driveId, id: parent.id };
    return {
      id: `01LOST${Date.now()}`,
      name,
      size: length,
      file: { mimeType: 'application/octet-stream' },
      parentReference,
    };
  }

  private openSession({ drive, names }: Place, start: Item, asked: Asked): Reply {
    const { item: wish } = json(asked) as { item?: Record<string, unknown> };
    const name = names.at(-1);
    if (name === undefined) throw new Refusal(400, 'invalidRequest');
    if (wish?.['name'] !== undefined && wish['name'] !== name) throw new Refusal(400, 'invalidRequest', 'nameMismatch');
    const size = wish?.['fileSize'];
    if (typeof size === 'number' && size > drive.free)
      throw new Refusal(507, 'quotaLimitReached', undefined, 'Insufficient Space Available');
    const parent = this.makeParents(drive, start, names.slice(0, -1));
    const conflict = conflictOf(wish?.['@microsoft.graph.conflictBehavior'], 'fail');
    const finish = (content: Parameters<Drive['place']>[2], lost: boolean): Reply => {
      if (lost) return answer(201, this.lost(drive, parent, name, content));
      const { item, made } = drive.place(parent, name, content, conflict);
      return answer(made ? 201 : 200, this.shown(drive, item, null, true));
    };
    return answer(200, {
      '@odata.context': `${asked.url.origin}/v1.0/$metadata#microsoft.graph.uploadSession`,
      ...this.bytes.openSession(drive.user, finish),
    });
  }

  private makeParents(drive: Drive, start: Item, names: readonly string[]): Folder {
    let at = requireFolder(start);
    for (const name of names) {
      const there = at.children.get(name.toLowerCase());
      at = there ? requireFolder(there) : drive.makeFolder(at, name, 'fail');
    }
    return at;
  }

  private makeFolder(drive: Drive, parent: Folder, asked: Asked): Reply {
    const wish = json(asked) as Record<string, unknown>;
    const { name } = wish;
    if (typeof name !== 'string' || name === '' || forbiddenInNames.test(name))
      throw new Refusal(400, 'invalidRequest', 'invalidName');
    if (typeof wish['folder'] !== 'object') throw new Refusal(400, 'invalidRequest');
    const made = drive.makeFolder(parent, name, conflictOf(wish['@microsoft.graph.conflictBehavior'], 'fail'));
    return answer(201, this.shown(drive, made, null));
  }

  private destroy(drive: Drive, item: Item): Reply {
    if (drive.user.kind === 'personal' || this.ways.permanentDelete === 'never') {
      throw new Refusal(400, 'notSupported', undefined, 'Operation not supported');
    }
    drive.remove(item, true);
    return answer(204);
  }

  /** By position: what comes or goes meanwhile moves the rest, and a reader of pages may miss some. */
  private children(drive: Drive, folder: Folder, asked: Asked): Reply {
    const { searchParams } = asked.url;
    const children = drive.children(folder).toSorted((one, other) => (one.name < other.name ? -1 : 1));
    const from = Number(searchParams.get('$skiptoken') ?? 0);
    const length = Math.min(Number(searchParams.get('$top') ?? 200), this.ways.pageLength);
    const next = new URL(asked.url);
    next.searchParams.set('$skiptoken', String(from + length));
    return answer(200, {
      '@odata.context': `${asked.url.origin}/v1.0/$metadata#children`,
      value: children.slice(from, from + length).map((item) => this.shown(drive, item, selected(asked))),
      ...(from + length < children.length && { '@odata.nextLink': next.href }),
    });
  }

  private shown(drive: Drive, item: Item, select: readonly string[] | null, fresh = false): Record<string, unknown> {
    const { hashes } = this.ways;
    const bare =
      hashes === 'none' ||
      (hashes === 'not in the answer to an upload' && fresh) ||
      (hashes === 'none for empty files' && item.content?.length === 0);
    const { driveId, kind } = drive.user;
    const whole: Record<string, unknown> = {
      id: item.id,
      name: item.name,
      size: sizeOf(item),
      eTag: `"{${item.id}},${item.version}"`,
      parentReference: { driveId, driveType: kind, ...(item.parent && { id: item.parent.id }) },
      ...(item.children && { folder: { childCount: item.children.size } }),
      ...(!item.children && {
        file: {
          mimeType: 'application/octet-stream',
          ...(!bare && { hashes: { quickXorHash: item.content?.quickXorHash } }),
        },
      }),
      ...(item === drive.approot && { specialFolder: { name: 'approot' } }),
    };
    if (!item.children && (select?.includes(downloadUrl) ?? true)) whole[downloadUrl] = this.bytes.downloadUrl(item);
    if (!select) return whole;
    return Object.fromEntries(Object.entries(whole).filter(([name]) => select.includes(name)));
  }
}

function sizeOf({ children, content }: Item): number {
  if (!children) return content?.length ?? 0;
  return [...children.values()].reduce((sum, child) => sum + sizeOf(child), 0);
}

function selected({ url }: Asked): readonly string[] | null {
  return url.searchParams.get('$select')?.split(',') ?? null;
}

function conflictOf(given: unknown, usual: Conflict): Conflict {
  return given === 'fail' || given === 'replace' || given === 'rename' ? given : usual;
}

function json({ body }: Asked): unknown {
  try {
    return body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    throw new Refusal(400, 'invalidRequest');
  }
}
