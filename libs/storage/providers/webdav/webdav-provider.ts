import { newBlobName, requireBlobName } from '../../blob-name.js';
import { requireRange } from '../../byte-range.js';
import {
  AddressRefused,
  BlobMissing,
  BlobTruncated,
  ConnectionAway,
  FolderInUse,
  FolderMissing,
  SettingRefused,
} from '../../errors.js';
import { isFolderName } from '../../folder-name.js';
import { folderId, type FolderPage, folderPath, type ListsFolders, pageOfFolders } from '../../lists-folders.js';
import { type Answer, Outbound, type OutboundRules } from '../../outbound/index.js';
import type {
  BlobBody,
  BlobListing,
  BlobName,
  BlobStat,
  ByteRange,
  CallOptions,
  GetOptions,
  KeepsTemporaries,
  PutProof,
  Space,
  StorageProvider,
  Traits,
} from '../../provider.js';
import type { RequestGate } from '../../request-gate.js';
import { DavClient } from './dav-client.js';
import { Folders } from './folders.js';
import { Login } from './login.js';
import { Layout, markerName, nextMarkerName } from './layout.js';
import { Listing } from './list-page.js';
import { nameOf } from './multistatus.js';
import { Placing } from './placing.js';
import { findServer, type Server } from './server.js';
import { webdavTraits } from './traits.js';

const usualPiece = 256 * 1024;
const longestMarker = 64 * 1024;
/** For the last word to a server when a connection is closed. */
const farewellMs = 2_000;

export interface WebdavPlace {
  readonly url: string;
  readonly login: { readonly username: string; readonly password: string };
  /** The name of our own folder there. */
  readonly folder: string;
  /** Who opens it. What an opener has half-written lies under this name until somebody sweeps it. */
  readonly instance: string;
  readonly outbound?: OutboundRules;
  readonly gate?: RequestGate;
}

/** Asks nothing yet: what answers there is found out by the first call. */
export function openWebdav(place: WebdavPlace): WebdavProvider {
  if (!isFolderName(place.folder)) throw new RangeError('not the name of a folder of ours');
  if (!isInstance(place.instance)) throw new RangeError('not the name of an instance');
  if (place.login.username.includes(':')) throw new SettingRefused('username', 'A user name cannot contain “:”.');
  const outbound = new Outbound(place.outbound ?? { allowHosts: [] }, place.gate);
  const login = new Login(place.login.username, place.login.password);
  return new WebdavProvider(outbound, readUrl(outbound, place.url), login, place);
}

function readUrl(outbound: Outbound, typed: string): URL {
  try {
    return outbound.readAddress(typed);
  } catch (error) {
    if (error instanceof AddressRefused) throw new SettingRefused('url', error.message, { cause: error });
    throw error;
  }
}

function isInstance(name: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(name);
}

/** What is known once a server was found. */
interface Reached {
  readonly server: Server;
  readonly dav: DavClient;
  readonly folders: Folders;
  readonly placing: Placing;
  readonly listing: Listing;
}

export class WebdavProvider implements StorageProvider, KeepsTemporaries, ListsFolders {
  private known: Traits = webdavTraits;
  private readonly layout: Layout;
  private reaching: Promise<Reached> | null = null;

  constructor(
    private readonly outbound: Outbound,
    private readonly url: URL,
    private readonly login: Login,
    private readonly place: Pick<WebdavPlace, 'folder' | 'instance'>,
  ) {
    this.layout = new Layout(place.folder, place.instance);
  }

  get traits(): Traits {
    return this.known;
  }

  async nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    signal?.throwIfAborted();
    return newBlobName();
  }

  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    requireBlobName(name);
    const { placing } = await this.reach(signal);
    return placing.put(name, body, signal);
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireRange(range);
    const path = this.layout.blob(name);
    if (range.length === 0) return;
    const { signal, pieceLength = usualPiece } = options;
    const { dav } = await this.reach(signal);
    const last = range.offset + range.length - 1;
    const answer = await dav.get(path, { Range: `bytes=${range.offset}-${last}` }, signal);
    if (answer.status >= 400) {
      await answer.discard();
      throw answer.status === 416 ? new BlobTruncated() : await this.missing(signal);
    }
    let left = range.length;
    for await (const piece of cut(answer.pieces(), this.skipped(answer, range), range.length, pieceLength)) {
      signal?.throwIfAborted();
      left -= piece.length;
      yield piece;
    }
    if (left > 0) await this.explainShortage(name, last + 1, signal);
  }

  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    const path = this.layout.blob(name);
    const { dav } = await this.reach(signal);
    const found = (await dav.properties(path, 0, signal))?.[0];
    if (!found) await this.requireFolder(signal);
    return !found || found.folder || found.length === null ? null : { length: found.length, checksum: null };
  }

  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    const path = this.layout.blob(name);
    const { dav } = await this.reach(signal);
    if ((await dav.delete(path, signal)) === 404) await this.requireFolder(signal);
  }

  async list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    const { listing } = await this.reach(signal);
    return listing.page(cursor, signal);
  }

  async space({ signal }: CallOptions = {}): Promise<Space | null> {
    const { dav } = await this.reach(signal);
    const told = (await dav.properties('', 0, signal, true))?.[0];
    const [free, used] = [told?.quotaAvailable ?? null, told?.quotaUsed ?? null];
    if (free === null && used === null) return null;
    return { free, used, total: free === null || used === null ? null : free + used };
  }

  /** Twice, for one who comes just while the next marker becomes the marker. */
  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    const { dav, folders } = await this.reach(signal);
    for (const name of [markerName, nextMarkerName, markerName]) {
      const answer = await dav.get(this.layout.inFolder(name), {}, signal);
      if (answer.status === 200) return answer.bytes(longestMarker);
      await answer.discard();
    }
    if (!(await folders.isThere('', signal))) throw new ConnectionAway('There is no folder at this address.');
    return null;
  }

  /**
   * Servers may take the old away before they move the new one to its place: until then the new one lies whole under
   * a name where readers look, too.
   */
  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    const { dav, folders, placing } = await this.reach(signal);
    folders.forget(this.layout.folder, this.layout.staging, this.layout.stage);
    await folders.ensure(this.layout.folder);
    await placing.staging(async (temporary) => {
      const body = { length: marker.length, pieces: () => [marker] };
      const [next, final] = [this.layout.inFolder(nextMarkerName), this.layout.inFolder(markerName)];
      const put = await dav.put(temporary.path, body, {}, signal);
      const done =
        put.status < 400 &&
        (await dav.move(temporary.path, next, true, signal)) < 400 &&
        (await dav.move(next, final, true, signal)) < 400;
      temporary.moved = done;
      if (!done) throw new ConnectionAway('The server did not keep what it had taken.');
    });
    if (!(await this.readMarker({ signal }))?.equals(marker)) {
      throw new ConnectionAway('The server did not keep what it had taken.');
    }
  }

  /**
   * WebDAV deletes a folder with all that lies in it. Shelf by shelf, what was just seen to be empty goes, so that a
   * blob of somebody who still writes here is in danger for no longer than that.
   */
  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    const { dav, folders, listing } = await this.reach(signal);
    const shelves = await listing.shelvesOnly(signal);
    folders.forget();
    for (const shelf of shelves ?? []) {
      if ((await dav.children(shelf, signal))?.length) throw new FolderInUse();
      await dav.delete(shelf, signal);
    }
    if (shelves) await dav.delete(this.layout.folder, signal);
  }

  async temporaryOwners(): Promise<string[]> {
    const { dav } = await this.reach();
    const found = (await dav.children(this.layout.staging)) ?? [];
    const owners = found.filter(({ folder }) => folder).map(nameOf);
    return owners.filter((name) => isInstance(name) && name !== this.place.instance);
  }

  async sweepTemporary(dead: readonly string[]): Promise<number> {
    const { dav } = await this.reach();
    let swept = 0;
    for (const instance of dead) {
      if (!isInstance(instance) || instance === this.place.instance) continue;
      const stage = this.layout.stageOf(instance);
      swept += (await dav.children(stage))?.length ?? 0;
      await dav.delete(stage);
    }
    return swept;
  }

  async close(): Promise<void> {
    const reached = await this.reaching?.catch(() => null);
    if (reached?.placing.begun) await this.leave(reached.dav).catch(() => undefined);
    this.outbound.close();
  }

  async folders(id: string, cursor?: string, { signal }: CallOptions = {}): Promise<FolderPage> {
    const path = folderPath(id);
    const { dav, server } = await this.reach(signal);
    const below = path === '' ? '' : `${path.split('/').map(encodeURIComponent).join('/')}/`;
    const found = await dav.children(below, signal);
    if (!found) throw new FolderMissing();
    const folders = found.filter((resource) => resource.folder && nameOf(resource) !== this.place.folder);
    const shown = folders.map((resource) => {
      const name = nameOf(resource);
      const url = new URL(`${below}${encodeURIComponent(name)}/`, server.files).href;
      return { id: folderId(path === '' ? name : `${path}/${name}`), name, settings: { url } };
    });
    return pageOfFolders(shown, cursor);
  }

  /** The place for what is half-written goes when it is empty: another provider of this opener may be using it. */
  private async leave(dav: DavClient): Promise<void> {
    const signal = AbortSignal.timeout(farewellMs);
    const left = await dav.children(this.layout.stage, signal);
    if (left?.length === 0) await dav.delete(this.layout.stage, signal);
  }

  private async reach(signal?: AbortSignal): Promise<Reached> {
    signal?.throwIfAborted();
    // Not bound to one caller's signal: others may wait for the same answer.
    const reaching = (this.reaching ??= this.find());
    try {
      return await reaching;
    } catch (error) {
      if (this.reaching === reaching) this.reaching = null;
      throw error;
    } finally {
      signal?.throwIfAborted();
    }
  }

  private async find(): Promise<Reached> {
    const server = await findServer(this.outbound, this.url, this.login);
    const nextcloud = server.family === 'nextcloud';
    if (nextcloud) this.known = { ...this.known, checksum: 'sha256' };
    const dav = new DavClient(
      this.outbound,
      server.files,
      this.login,
      nextcloud ? { 'X-NC-Skip-Trashbin': 'true' } : {},
    );
    const folders = new Folders(dav);
    // A page for signing in has an answer to everything, but not to this.
    if (!(await folders.isThere(''))) throw new ConnectionAway('There is no folder at this address.');
    const placing = new Placing(dav, server, this.layout, folders);
    return { server, dav, folders, placing, listing: new Listing(dav, this.layout) };
  }

  /** How many bytes come before those that were asked for: none, unless the server gives the whole blob. */
  private skipped(answer: Answer, range: ByteRange): number {
    if (answer.header('content-encoding') !== null) {
      throw new ConnectionAway('The server changes what it sends.');
    }
    if (answer.status === 206) {
      if (answer.header('content-range')?.startsWith(`bytes ${range.offset}-`)) return 0;
      throw new ConnectionAway('The server answers with another part than was asked for.');
    }
    if (range.offset > 0) this.known = { ...this.known, ranges: false };
    return range.offset;
  }

  private async explainShortage(name: BlobName, end: number, signal?: AbortSignal): Promise<never> {
    const found = await this.stat(name, { signal });
    if (!found) throw new BlobMissing();
    throw found.length < end ? new BlobTruncated() : new ConnectionAway();
  }

  private async missing(signal?: AbortSignal): Promise<BlobMissing> {
    await this.requireFolder(signal);
    return new BlobMissing();
  }

  /** A folder that is not there is away, not empty: somebody may have moved it, or the server shows another one. */
  private async requireFolder(signal?: AbortSignal): Promise<void> {
    const { folders } = await this.reach(signal);
    if (await folders.isThere(this.layout.folder, signal)) return;
    folders.forget();
    throw new ConnectionAway('The folder of this connection is not there.');
  }
}

/** Of what flows, `length` bytes after the first `skip`, in pieces of at most `longest`. */
async function* cut(
  pieces: AsyncIterable<Buffer>,
  skip: number,
  length: number,
  longest: number,
): AsyncGenerator<Buffer> {
  let at = -skip;
  for await (const piece of pieces) {
    const until = Math.min(piece.length, length - at);
    for (let from = Math.max(0, -at); from < until; from += longest)
      yield piece.subarray(from, Math.min(from + longest, until));
    at += piece.length;
    // What is exactly as long is read to its end, so that the socket serves again.
    if (at > length) return;
  }
}
