import { randomBytes } from 'node:crypto';
import { DriveRefusal, json, nothing, type Reply } from './answering.js';
import type { Grant } from './grants.js';
import type { Item, Items, Metadata } from './items.js';
import { metadataOf, parsed } from './metadata.js';
import { flipped, type Received } from './server.js';
import type { GoogleWays } from './ways.js';

interface Target {
  readonly grant: Grant;
  readonly items: Items;
  /** Whose content is replaced; null: a new one. */
  readonly target: Item | null;
}

interface Session extends Target {
  readonly metadata: Metadata;
  readonly total: number | null;
  readonly expiresAt: number;
  bytes: Buffer;
  /** Once it is whole. */
  item: Item | null;
}

type Tell = (item: Item, items: Items) => Reply;

const week = 7 * 24 * 3_600_000;
const granule = 256 * 1024;

/** /upload: simple, multipart and resumable. */
export class Uploads {
  readonly sessions = new Map<string, Session>();
  private sentToday: { day: number; bytes: number } = { day: 0, bytes: 0 };

  constructor(
    private readonly ways: GoogleWays,
    private readonly now: () => number,
  ) {}

  begin(received: Received, target: Target, tell: (item: Item) => Reply): Reply {
    const { url, body, whole, headers } = received;
    this.checkDay();
    switch (url.searchParams.get('uploadType')) {
      case 'resumable':
        return whole ? this.open(received, target) : nothing(400);
      case 'media':
        return whole ? tell(this.store(target, {}, body, received)) : nothing(400);
      case 'multipart': {
        if (!whole) return nothing(400);
        const { metadata, content } = readMultipart(headers['content-type'] ?? '', body);
        return this.lostOr(received, target, metadata, () => tell(this.store(target, metadata, content, received)));
      }
      default:
        throw new DriveRefusal(400, 'badRequest', 'Unknown upload type');
    }
  }

  /** A session is its own authorization: whoever has its address may go on with it. */
  goOn(received: Received, tell: Tell): Reply {
    const { url, method } = received;
    const id = url.searchParams.get('upload_id') ?? '';
    const session = this.sessions.get(id);
    if (!session || session.expiresAt <= this.now()) return nothing(404);
    if (method === 'DELETE') {
      this.sessions.delete(id);
      return nothing(499);
    }
    if (method !== 'PUT') return nothing(405);
    if (session.item) return tell(session.item, session.items);
    const range = readContentRange(received, session);
    if (range === 'query') return this.standing(session);
    if (range.from !== session.bytes.length) return badRange();
    this.checkDay();
    this.take(session, received, range.last);
    if (!received.whole || !range.last) return this.standing(session);
    if (session.total !== null && session.bytes.length < session.total) return this.standing(session);
    return this.lostOr(received, session, session.metadata, () => {
      session.item = this.store(session, session.metadata, session.bytes, received);
      return tell(session.item, session.items);
    });
  }

  private open(received: Received, target: Target): Reply {
    const metadata = metadataOf(received);
    if (!target.target && !this.ways.noticesTakenIdsLate) target.items.checkNew(metadata, target.grant);
    const announced = received.headers['x-upload-content-length'];
    const id = `AB${randomBytes(30).toString('base64url')}`;
    const total = announced === undefined ? null : Number(announced);
    const expiresAt = this.now() + week;
    this.sessions.set(id, { ...target, metadata, total, expiresAt, bytes: Buffer.alloc(0), item: null });
    const location = new URL(received.url);
    location.host = received.headers.host ?? '';
    location.searchParams.set('upload_id', id);
    return nothing(200, { location: location.href, 'x-guploader-uploadid': id });
  }

  /** What breaks off is kept in whole granules; the last part of a finished body as it is. */
  private take(session: Session, { body, whole }: Received, last: boolean): void {
    const kept = whole && last ? body : body.subarray(0, body.length - (body.length % granule));
    const most = this.ways.takesAtOnce === null ? kept : kept.subarray(0, this.ways.takesAtOnce);
    session.bytes = Buffer.concat([session.bytes, most]);
  }

  private standing({ bytes }: Session): Reply {
    return nothing(308, bytes.length === 0 ? {} : { range: `bytes=0-${bytes.length - 1}` });
  }

  /** A write that is lost: the answer knows the id, and nothing is kept. */
  private lostOr({ misdeed }: Received, { target }: Target, metadata: Metadata, store: () => Reply): Reply {
    if (misdeed?.kind !== 'loses') return store();
    return json(200, { kind: 'drive#file', id: metadata.id ?? target?.id ?? '' });
  }

  private store({ items, grant, target }: Target, metadata: Metadata, bytes: Buffer, { misdeed }: Received): Item {
    const kept = misdeed?.kind === 'spoils' ? flipped(bytes) : Buffer.from(bytes);
    this.count(bytes.length);
    if (!target) return items.make(metadata, kept, grant);
    items.change(target, metadata, kept);
    return target;
  }

  private checkDay(): void {
    const day = Math.floor(this.now() / 86_400_000);
    if (day !== this.sentToday.day) this.sentToday = { day, bytes: 0 };
    // The full stop is all that tells it from being too fast.
    if (this.ways.uploadBytesPerDay !== null && this.sentToday.bytes >= this.ways.uploadBytesPerDay)
      throw new DriveRefusal(403, 'userRateLimitExceeded', 'User rate limit exceeded.', 'usageLimits');
  }

  private count(bytes: number): void {
    this.sentToday.bytes += bytes;
  }
}

function badRange(): Reply {
  return { ...nothing(400), body: Buffer.from('Failed to parse Content-Range header.') };
}

function readContentRange(
  { headers, body, whole }: Received,
  { bytes, total }: Session,
): 'query' | { from: number; last: boolean } {
  const text = headers['content-range'];
  if (text === undefined) return { from: 0, last: true };
  if (/^bytes \*\/(\d+|\*)$/.test(text)) return 'query';
  const found = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(text);
  if (!found) throw new DriveRefusal(400, 'badRequest', 'Failed to parse Content-Range header.');
  const [from, to] = [Number(found[1]), Number(found[2])];
  const last = found[3] !== '*' && to + 1 === Number(found[3]);
  if (found[3] !== '*' && total !== null && Number(found[3]) !== total)
    throw new DriveRefusal(400, 'badRequest', 'The total differs from the announced one.');
  if (whole && body.length !== to - from + 1)
    throw new DriveRefusal(400, 'badRequest', 'The range is not as long as the body.');
  if (!last && (to - from + 1) % granule !== 0)
    throw new DriveRefusal(400, 'badRequest', 'A part must be a multiple of 256 KiB.');
  return { from: from === bytes.length ? from : -1, last };
}

function readMultipart(type: string, body: Buffer): { metadata: Metadata; content: Buffer } {
  const boundary = /^multipart\/related; *boundary="?([^";]+)"?/.exec(type)?.[1];
  if (boundary === undefined) throw new DriveRefusal(400, 'badContent', 'Missing boundary');
  const parts: Buffer[] = [];
  const mark = `--${boundary}`;
  if (!body.subarray(0, mark.length).equals(Buffer.from(mark)))
    throw new DriveRefusal(400, 'badContent', 'Malformed multipart body.');
  let at = mark.length;
  for (;;) {
    if (body.subarray(at, at + 2).toString() === '--') break;
    const next = body.indexOf(`\r\n${mark}`, at);
    if (next < 0) throw new DriveRefusal(400, 'badContent', 'Malformed multipart body.');
    const part = body.subarray(at + 2, next);
    const head = part.indexOf('\r\n\r\n');
    if (head < 0) throw new DriveRefusal(400, 'badContent', 'Malformed multipart body.');
    parts.push(part.subarray(head + 4));
    at = next + 2 + mark.length;
  }
  const [metadata, content] = parts;
  if (!metadata || !content || parts.length !== 2) throw new DriveRefusal(400, 'badContent', 'Two parts are wanted.');
  return { metadata: parsed(metadata), content };
}
