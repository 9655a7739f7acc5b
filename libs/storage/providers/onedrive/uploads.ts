import { BlobMismatch, ConnectionAway, ConnectionFull, Throttled } from '../../errors.js';
import type { BlobBody, PutProof } from '../../provider.js';
import { BodyReader } from './body-reader.js';
import type { Downloads } from './downloads.js';
import type { Graph } from './graph.js';
import { codesOf, faultOf } from './graph-faults.js';
import { type DriveItem, itemFields, readItem, readNext, readSession } from './items.js';
import { byId } from './our-folder.js';
import type { Told } from './told.js';
import type { WireRequest } from './wire.js';

export interface UploadSizes {
  /** What one plain PUT carries. */
  readonly onePut: number;
  /** A multiple of the 320 KiB that every fragment but the last has to be made of. */
  readonly fragment: number;
}

/**
 * 4 MiB: Microsoft's limit for a plain PUT until 2023, and what every kind of drive is known to take. Fragments: they
 * advise 5 to 10 MiB.
 */
const usualSizes: UploadSizes = { onePut: 4 * 1024 * 1024, fragment: 32 * 320 * 1024 };
/** So many unclear answers in a row, without a byte more, are no accident. */
const mostUnclear = 3;

/** No token is shown to a session's host: what it refuses is an address that has expired. */
const sessionGone = [401, 403, 404, 410];

/** Done; the name was taken; or the folder, or the upload's session, is not there (any more). */
type Ended = DriveItem | 'taken' | 'gone';

export interface Target {
  /** The item's address in Graph, by path. */
  readonly path: string;
  readonly body: BlobBody;
  /** What becomes of something that lies there already. */
  readonly conflict: 'fail' | 'replace';
}

/** Puts bytes to a path, whole or not at all, and finds out whether they are there. */
export class Uploads {
  constructor(
    private readonly graph: Graph,
    private readonly downloads: Downloads,
    private readonly sizes: UploadSizes = usualSizes,
  ) {}

  /** Null when the folder is not there. Throws BlobMismatch where other bytes lie. */
  async put({ path, body, conflict }: Target, signal?: AbortSignal): Promise<PutProof | null> {
    const reader = new BodyReader(body);
    try {
      const target = { path, body, conflict };
      const ended =
        body.length > this.sizes.onePut
          ? await new FragmentedUpload(this.graph, target, reader, this.sizes.fragment).run(signal)
          : await this.whole(target, reader, signal);
      if (ended === 'gone') return null;
      if (ended === 'taken') return await this.again(path, body, reader, signal);
      return await this.prove(ended, target, reader, signal);
    } finally {
      await reader.close();
    }
  }

  private async whole({ path, body, conflict }: Target, reader: BodyReader, signal?: AbortSignal): Promise<Ended> {
    const url = this.graph.url(`${path}:/content`, { '@microsoft.graph.conflictBehavior': conflict });
    const part = reader.part(0, body.length);
    const headers = { 'Content-Type': 'application/octet-stream' };
    const told = await this.graph.wire.asOwner(
      { kind: 'upload', method: 'PUT', url, headers, body: part, units: 2 },
      signal,
    );
    return endOf(told) ?? Promise.reject(faultOf(told));
  }

  /** The very put that lost its answer has done its work, or the name belongs to other bytes. */
  private async again(path: string, body: BlobBody, reader: BodyReader, signal?: AbortSignal): Promise<PutProof> {
    const told = await this.graph.get(path, { $select: itemFields }, { accept: [404], signal });
    if (told.status === 404) throw new NotKept();
    const there = readItem(told.json);
    const own = await reader.digest();
    if (there.isFolder || there.size !== body.length) throw new BlobMismatch();
    const hash = there.quickXorHash ?? (body.length === 0 ? own : await this.hashOf(there, body.length, signal));
    if (hash !== own) throw new BlobMismatch();
    return there.quickXorHash === null ? { kind: 'looked', checksum: null } : proofOf(own);
  }

  /** Microsoft's own hash is the proof; where it says none, a look by id. What is new and other than sent is taken away. */
  private async prove(made: DriveItem, target: Target, reader: BodyReader, signal?: AbortSignal): Promise<PutProof> {
    const { body, conflict } = target;
    const own = await reader.digest();
    const found = made.quickXorHash === null ? await this.look(made.id, signal) : made;
    if (found.size === body.length && (found.quickXorHash ?? own) === own) {
      return found.quickXorHash === null ? { kind: 'looked', checksum: null } : proofOf(own);
    }
    if (conflict === 'fail') await this.graph.delete(byId(found.id), { accept: [404], signal });
    throw new NotKept();
  }

  private async look(id: string, signal?: AbortSignal): Promise<DriveItem> {
    const told = await this.graph.get(byId(id), { $select: itemFields }, { accept: [404], signal });
    if (told.status === 404) throw new NotKept();
    return readItem(told.json);
  }

  /** For a blob that Microsoft tells no hash of. */
  private async hashOf({ id }: DriveItem, length: number, signal?: AbortSignal): Promise<string> {
    const pieces = () => this.downloads.read(byId(id), { offset: 0, length }, signal);
    return new BodyReader({ length, pieces }).digest();
  }
}

/**
 * An upload in fragments, strictly in order. After every answer that is not clear (none at all, a 5xx, an overlap) the
 * session itself is asked how far it is: a failure may have been a success. When the session is gone, the upload may be
 * whole under its name, or there is nothing of it; the repeated put finds out.
 */
class FragmentedUpload {
  private readonly path: string;
  private readonly total: number;
  private readonly conflict: Target['conflict'];
  private url: URL | null = null;
  private at = 0;

  constructor(
    private readonly graph: Graph,
    { path, body, conflict }: Target,
    private readonly reader: BodyReader,
    private readonly fragmentLength: number,
  ) {
    this.path = path;
    this.total = body.length;
    this.conflict = conflict;
  }

  async run(signal?: AbortSignal): Promise<Ended> {
    if (!(await this.begin(signal))) return 'gone';
    try {
      return await this.sendAll(signal);
    } catch (error) {
      // What is away takes no farewell, either; the session then expires by itself.
      if (!(error instanceof ConnectionAway || error instanceof Throttled)) this.cancel();
      throw error;
    }
  }

  private async begin(signal?: AbortSignal): Promise<boolean> {
    const name = this.path.slice(this.path.lastIndexOf('/') + 1);
    const item = { '@microsoft.graph.conflictBehavior': this.conflict, name, fileSize: this.total };
    const told = await this.graph.post(`${this.path}:/createUploadSession`, { item }, { accept: [404], signal });
    if (told.status === 404) return false;
    const { uploadUrl, next } = readSession(told.json);
    this.url = this.graph.wire.link(uploadUrl);
    this.at = next;
    return true;
  }

  private async sendAll(signal?: AbortSignal): Promise<Ended> {
    for (let unclear = 0; ;) {
      const before = this.at;
      const told = await this.fragment(signal);
      const ended = told && endOf(told);
      if (ended && ended !== 'gone') return ended;
      const next = told?.status === 202 ? readNext(told.json) : null;
      if (next !== null && next > before && next <= this.total) {
        this.at = next;
        unclear = 0;
        continue;
      }
      this.requireUnclear(told);
      if ((unclear += 1) > mostUnclear) throw told ? faultOf(told) : new ConnectionAway();
      const found = await this.whereAreWe(signal);
      if (found) return found;
      if (this.at > before) unclear = 0;
    }
  }

  /** Null when no answer came. */
  private async fragment(signal?: AbortSignal): Promise<Told | null> {
    const to = Math.min(this.at + this.fragmentLength, this.total);
    const headers = { 'Content-Range': `bytes ${this.at}-${to - 1}/${this.total}` };
    try {
      return await this.ask(
        { kind: 'upload', method: 'PUT', headers, body: this.reader.part(this.at, to), units: 2 },
        signal,
      );
    } catch (error) {
      if (error instanceof ConnectionAway) return null;
      throw error;
    }
  }

  /** Waiting is the gate's business. Without one, whoever called has to wait. */
  private requireUnclear(told: Told | null): void {
    if (!told || [202, 416].includes(told.status)) return;
    const fault = faultOf(told);
    if (fault instanceof ConnectionFull) throw fault;
    if (sessionGone.includes(told.status) || fault instanceof ConnectionAway) return;
    if (!(fault instanceof Throttled && this.graph.wire.paced)) throw fault;
  }

  /** Sets where to go on. What it returns is the end. */
  private async whereAreWe(signal?: AbortSignal): Promise<Ended | null> {
    const told = await this.ask({ kind: 'look', method: 'GET' }, signal);
    if (sessionGone.includes(told.status)) return this.afterTheSession(signal);
    if (told.status !== 200) throw faultOf(told);
    const next = readNext(told.json);
    if (next === null || next >= this.total) return this.afterTheSession(signal);
    this.at = next;
    return null;
  }

  /** A session that is gone, or has all it wants, may have given the item its name. */
  private async afterTheSession(signal?: AbortSignal): Promise<Ended> {
    const told = await this.graph.get(this.path, { $select: itemFields }, { accept: [404], signal });
    if (told.status === 404) throw new ConnectionAway('Microsoft has lost an upload that had begun.');
    return 'taken';
  }

  private ask(request: Omit<WireRequest, 'url'>, signal?: AbortSignal): Promise<Told> {
    if (!this.url) throw new Error('no session was begun');
    return this.graph.wire.exchange({ ...request, url: this.url }, signal);
  }

  private cancel(): void {
    void this.ask({ kind: 'change', method: 'DELETE' }).catch(() => undefined);
  }
}

/** Said yes, and keeps something else, or nothing. Another try may do better. */
class NotKept extends ConnectionAway {
  constructor() {
    super('What Microsoft keeps is not what it was given.');
  }
}

/** Null for what is no end. */
function endOf(told: Told): Ended | null {
  if (told.status === 200 || told.status === 201) return readItem(told.json);
  if (told.status === 404) return 'gone';
  const codes = codesOf(told);
  const taken =
    codes.length === 0 || codes.some((code) => ['nameAlreadyExists', 'upload_name_conflict'].includes(code));
  return told.status === 409 && taken ? 'taken' : null;
}

function proofOf(hash: string): PutProof {
  return { kind: 'checksum', checksum: checksumOf(hash) };
}

export function checksumOf(hash: string): string {
  return `quickxorhash:${hash}`;
}
