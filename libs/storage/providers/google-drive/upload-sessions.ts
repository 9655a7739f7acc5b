import { ConnectionAway, Throttled } from '../../errors.js';
import type { BlobBody, BlobName } from '../../provider.js';
import { type DriveFile, readFile } from './drive-api.js';
import { FolderOverfull, NotFound, TokenRefused } from './drive-faults.js';
import { uploadAddress } from './single-upload.js';
import { units } from './traits.js';
import type { Wire, WireAnswer } from './wire.js';

export interface SessionUpload {
  readonly name: BlobName;
  readonly metadata: object;
  readonly body: BlobBody;
  /** Of the whole body: a session goes on with these bytes and no others. */
  readonly md5: string;
  readonly signal?: AbortSignal;
}

interface Session {
  /** Its own authorization: it is told to nobody, and not kept anywhere but here. */
  readonly address: URL;
  readonly length: number;
  readonly md5: string;
}

const mostSessions = 256;

/**
 * Uploads that can be gone on with. Each call sends the whole rest in one request. An unclear answer (a reset, a 5xx) is
 * thrown with the session kept: the put that comes again asks first how far the session is, and sends what is missing.
 * A session that Google has forgotten is begun anew with the same id, so that an upload that was whole after all is
 * found by the refusal of its id.
 */
export class UploadSessions {
  private readonly open = new Map<BlobName, Session>();

  constructor(private readonly wire: Wire) {}

  /** Null: there is a file with this id. */
  async send(upload: SessionUpload): Promise<DriveFile | null> {
    const { name, body, md5, signal } = upload;
    const known = this.open.get(name);
    if (known && known.length === body.length && known.md5 === md5) {
      const standing = await this.standing(name, known, signal);
      if (typeof standing === 'object') return standing;
      if (standing !== 'forgotten') return this.sendRest(upload, known, standing);
    }
    this.open.delete(name);
    const session = await this.begin(upload);
    return session && this.sendRest(upload, session, 0);
  }

  /** Nobody goes on with what was begun under this name. */
  forget(name: BlobName): void {
    this.open.delete(name);
  }

  private async begin({ name, metadata, body, md5, signal }: SessionUpload): Promise<Session | null> {
    const bytes = Buffer.from(JSON.stringify(metadata));
    const answer = await this.wire.ask({
      method: 'POST',
      url: uploadAddress(this.wire, 'resumable'),
      gated: { kind: 'change', units: units.change },
      headers: {
        'Content-Type': 'application/json; charset=UTF-8',
        'X-Upload-Content-Type': 'application/octet-stream',
        'X-Upload-Content-Length': body.length,
      },
      body: { length: bytes.length, pieces: () => [bytes] },
      understood: [409],
      ...(signal && { signal }),
    });
    if (answer.status === 409) return null;
    const session = { address: this.sessionAddress(answer.header('location')), length: body.length, md5 };
    for (const oldest of this.open.keys()) {
      if (this.open.size < mostSessions) break;
      this.open.delete(oldest);
    }
    this.open.set(name, session);
    return session;
  }

  /** An answer decides here where our bytes go: to Google, or where the one origin is that stands in for it. */
  private sessionAddress(location: string | null): URL {
    const url = location === null ? null : URL.parse(location, this.wire.root);
    if (url && this.wire.isOurs(url)) return url;
    throw new ConnectionAway('Google Drive sends us elsewhere with our bytes.');
  }

  private async sendRest(upload: SessionUpload, session: Session, from: number): Promise<DriveFile | null> {
    let reached = from;
    for (;;) {
      const answer = await this.sendFrom(upload, session, reached);
      if (answer.status !== 308) return this.finished(upload.name, answer);
      const next = this.reachedIn(answer, session);
      // Only what goes on is gone on with; anything else is the next call's.
      if (next <= reached || next >= session.length)
        throw new ConnectionAway('Google Drive does not go on with an upload.');
      reached = next;
    }
  }

  private async sendFrom({ name, body, signal }: SessionUpload, session: Session, from: number): Promise<WireAnswer> {
    const rest = session.length - from;
    try {
      return await this.wire.ask({
        method: 'PUT',
        url: session.address,
        gated: { kind: 'upload', bytes: rest },
        headers: {
          'Content-Type': 'application/octet-stream',
          'Content-Range': `bytes ${from}-${session.length - 1}/${session.length}`,
        },
        body: { length: rest, pieces: () => after(body, from) },
        understood: [308, 409],
        unsigned: true,
        ...(signal && { signal }),
      });
    } catch (error) {
      if (endsSession(error)) this.open.delete(name);
      throw error;
    }
  }

  /** How many bytes are there, or the file that it has become. */
  private async standing(
    name: BlobName,
    session: Session,
    signal?: AbortSignal,
  ): Promise<number | DriveFile | null | 'forgotten'> {
    const answer = await this.wire.ask({
      method: 'PUT',
      url: session.address,
      gated: { kind: 'look' },
      headers: { 'Content-Range': `bytes */${session.length}` },
      body: { length: 0, pieces: () => [] },
      understood: [308, 400, 401, 403, 404, 409, 410],
      unsigned: true,
      ...(signal && { signal }),
    });
    if (answer.status === 308) {
      const reached = this.reachedIn(answer, session);
      return reached < session.length ? reached : 'forgotten';
    }
    return [400, 401, 403, 404, 410].includes(answer.status) ? 'forgotten' : this.finished(name, answer);
  }

  private finished(name: BlobName, answer: WireAnswer): DriveFile | null {
    this.open.delete(name);
    return answer.status === 409 ? null : readFile(answer);
  }

  /** Without a word nothing is there yet. */
  private reachedIn(answer: WireAnswer, { length }: Session): number {
    const range = answer.header('range');
    if (range === null) return 0;
    const last = /^bytes=0-(\d{1,15})$/.exec(range)?.[1];
    if (last === undefined || Number(last) >= length) throw new ConnectionAway('Google Drive lost track of an upload.');
    return Number(last) + 1;
  }
}

/** Too fast and unclear can be gone on with; what else is refused will be refused again. */
function endsSession(error: unknown): boolean {
  if ([NotFound, FolderOverfull, TokenRefused].some((kind) => error instanceof kind)) return true;
  return !(error instanceof Throttled) && !(error instanceof ConnectionAway);
}

async function* after(body: BlobBody, from: number): AsyncGenerator<Buffer> {
  let skip = from;
  for await (const piece of body.pieces()) {
    if (skip < piece.length) yield piece.subarray(skip);
    skip = Math.max(0, skip - piece.length);
  }
}
