import { randomBytes } from 'node:crypto';
import type { Clock, User } from './accounts.js';
import { Content } from './content.js';
import type { Item } from './drive.js';
import { type Asked, answer, refusal, Refusal, type Reply } from './exchange.js';

/** How uploads and downloads behave; a test may change it at any time. */
export interface BytesWays {
  sessionLifeMs: number;
  downloadLifeMs: number;
  /** `"26-"`, or `"26-99"` when the whole length is known. */
  ranges: 'open' | 'closed';
  /** Whether a download heeds `Range`; otherwise it is the whole file, and 200. */
  rangeDownloads: boolean;
  /** Whether an address goes on giving what was deleted meanwhile. */
  servesDeleted: boolean;
}

interface Session {
  readonly user: User;
  readonly expiresAt: number;
  readonly finish: (content: Content, lost: boolean) => Reply;
  readonly content: Content;
  total: number | null;
  /** A fragment before the last was no multiple of 320 KiB. */
  crooked: boolean;
}

const grain = 320 * 1024;
const longestFragment = 60 * 1024 * 1024;

/** The hosts that take uploads and give downloads to whoever has the address. They refuse everyone who shows a token. */
export class BytesHost {
  readonly ways: BytesWays = {
    sessionLifeMs: 7 * 24 * 3_600_000,
    downloadLifeMs: 60 * 60_000,
    ranges: 'open',
    rangeDownloads: true,
    servesDeleted: false,
  };
  /** Requests that came with a token, which none may. */
  tokensSeen = 0;
  private readonly sessions = new Map<string, Session>();
  private readonly downloads = new Map<string, { readonly item: Item; readonly expiresAt: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly folder: string,
    private readonly origin: () => string,
  ) {}

  get openSessions(): number {
    return this.sessions.size;
  }

  newContent(): Content {
    return new Content(this.folder);
  }

  openSession(user: User, finish: Session['finish']): Record<string, unknown> {
    const id = randomBytes(12).toString('hex');
    const expiresAt = this.clock.now() + this.ways.sessionLifeMs;
    this.sessions.set(id, { user, expiresAt, finish, content: this.newContent(), total: null, crooked: false });
    return {
      uploadUrl: `${this.origin()}/up/${id}?tempauth=${randomBytes(16).toString('hex')}`,
      expirationDateTime: new Date(expiresAt).toISOString(),
      nextExpectedRanges: ['0-'],
    };
  }

  downloadUrl(item: Item): string {
    const id = randomBytes(12).toString('hex');
    this.downloads.set(id, { item, expiresAt: this.clock.now() + this.ways.downloadLifeMs });
    return `${this.origin()}/dl/${id}?tempauth=${randomBytes(16).toString('hex')}`;
  }

  answer(asked: Asked): Reply {
    if (asked.headers.authorization !== undefined) {
      this.tokensSeen += 1;
      return answer(401);
    }
    const [, kind, id = ''] = /^\/(up|dl)\/(\w+)$/.exec(asked.url.pathname) ?? [];
    if (kind === 'dl' && asked.method === 'GET') return this.download(id, asked);
    const session = this.sessions.get(id);
    if (kind !== 'up' || !session || session.expiresAt <= this.clock.now()) {
      throw new Refusal(404, 'itemNotFound', 'uploadSessionNotFound');
    }
    switch (asked.method) {
      case 'PUT':
        return this.fragment(id, session, asked);
      case 'GET':
        return answer(200, this.status(session));
      case 'DELETE':
        this.sessions.delete(id);
        session.content.remove();
        return answer(204);
      default:
        throw new Refusal(405, 'notAllowed');
    }
  }

  private status({ content, total, expiresAt }: Session): unknown {
    const end = this.ways.ranges === 'closed' && total !== null ? total - 1 : '';
    return { expirationDateTime: new Date(expiresAt).toISOString(), nextExpectedRanges: [`${content.length}-${end}`] };
  }

  private fragment(id: string, session: Session, asked: Asked): Reply {
    const { to, total } = this.checked(session, asked);
    const { body, misdeed } = asked;
    const last = to + 1 === total;
    if (last && session.crooked) throw new Refusal(400, 'invalidRequest', 'fragmentsCrooked');
    session.total = total;
    if (misdeed?.kind === 'keeps') {
      session.content.append(body.subarray(0, Math.min(misdeed.bytes, body.length - 1)));
      return answer(500);
    }
    const lost = misdeed?.kind === 'loses';
    if (lost && !last) return answer(202, this.status({ ...session, content: { length: to + 1 } as Content }));
    if (body.length % grain !== 0 && !last) session.crooked = true;
    session.content.append(misdeed?.kind === 'spoils' ? Buffer.from(body.map((byte) => byte ^ 1)) : body);
    if (!last) return answer(202, this.status(session));
    const done = session.finish(session.content, lost);
    this.sessions.delete(id);
    return done;
  }

  /** The place of a fragment that may be taken. */
  private checked({ content, total: known }: Session, { headers, body }: Asked): { to: number; total: number } {
    const [, from = -1, to = -1, total = -1] =
      /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '')?.map(Number) ?? [];
    if (from < 0 || to - from + 1 !== body.length || to >= total) throw new Refusal(400, 'invalidRequest');
    if (known !== null && known !== total) throw new Refusal(400, 'invalidRequest', 'totalDiffers');
    if (body.length >= longestFragment) throw new Refusal(413, 'invalidRequest', 'maxFragmentLengthExceeded');
    if (from < content.length) throw new Refusal(416, 'invalidRange', 'fragmentOverlap');
    if (from > content.length) throw new Refusal(416, 'invalidRange', 'fragmentOutOfOrder');
    return { to, total };
  }

  private download(id: string, { headers }: Asked): Reply {
    const known = this.downloads.get(id);
    if (!known || known.expiresAt <= this.clock.now()) return refusal({ status: 401, code: 'unauthenticated' });
    if (known.item.gone && !this.ways.servesDeleted) throw new Refusal(404, 'itemNotFound');
    const { content } = known.item;
    if (!content) throw new Refusal(404, 'itemNotFound');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const type = { 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' };
    if (from === undefined || !this.ways.rangeDownloads) {
      return {
        status: 200,
        headers: { ...type, 'Content-Length': content.length },
        body: content.read(0, content.length),
      };
    }
    const begin = Number(from);
    if (begin >= content.length)
      return { status: 416, headers: { 'Content-Range': `bytes */${content.length}` }, body: '' };
    const end = Math.min(to === '' ? content.length : Number(to) + 1, content.length);
    const range = { 'Content-Range': `bytes ${begin}-${end - 1}/${content.length}`, 'Content-Length': end - begin };
    return { status: 206, headers: { ...type, ...range }, body: content.read(begin, end) };
  }
}
