import { type Clock, systemClock } from '../../clock.js';
import { BlobMissing, BlobTruncated, ConnectionAway } from '../../errors.js';
import type { Answer } from '../../outbound/index.js';
import type { ByteRange } from '../../provider.js';
import type { Graph } from './graph.js';
import { faultOf } from './graph-faults.js';
import { NotUnderstood } from './items.js';
import { parsed } from './told.js';

const redirects = [301, 302, 303, 307, 308];
/** What an address says that has expired. */
const stale = [401, 403, 404, 410];
const longestRefusal = 64 * 1024;
/** Addresses are good for longer, mostly; Microsoft promises minutes. */
const addressKeptMs = 60_000;
const mostAddresses = 256;

interface Address {
  readonly url: URL;
  readonly until: number;
}

/**
 * The bytes of items, from wherever Graph sends us for them: addresses that are good for minutes, for whoever has them,
 * and that never get our token. An address is kept for a minute, so that many ranges of one blob cost Graph one call;
 * nothing else lies under the name of a blob before it was deleted, which forgets it.
 */
export class Downloads {
  private readonly addresses = new Map<string, Address>();

  constructor(
    private readonly graph: Graph,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Exactly these bytes of an item whose content never changes. Throws BlobMissing, BlobTruncated. */
  async *read(path: string, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Buffer> {
    let left = range.length;
    for await (const piece of this.pieces(path, range, true, signal)) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) throw new BlobTruncated();
  }

  /** All of a small item. Throws BlobMissing. */
  async readWhole(path: string, longest: number, signal?: AbortSignal): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.pieces(path, { offset: 0, length: longest }, false, signal)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  forget(path: string): void {
    this.addresses.delete(path);
  }

  /** What there is of these bytes. */
  private async *pieces(path: string, range: ByteRange, keep: boolean, signal?: AbortSignal): AsyncGenerator<Buffer> {
    const known = keep ? this.known(path) : undefined;
    let answer = await this.open(known ?? (await this.ask(path, keep, signal)), range, signal);
    if (stale.includes(answer.status)) {
      await answer.discard();
      answer = await this.open(await this.ask(path, keep, signal), range, signal);
    }
    if (answer.status === 416) return answer.discard();
    if (answer.status !== 200 && answer.status !== 206) throw await refusal(answer);
    let skip = startOf(answer, range.offset);
    let left = range.length;
    for await (const piece of answer.pieces()) {
      signal?.throwIfAborted();
      const own = piece.subarray(skip, skip + left);
      skip = Math.max(0, skip - piece.length);
      left -= own.length;
      if (own.length > 0) yield own;
      if (left === 0) return;
    }
  }

  private known(path: string): URL | undefined {
    const address = this.addresses.get(path);
    return address && address.until > this.clock.now() ? address.url : undefined;
  }

  private async ask(path: string, keep: boolean, signal?: AbortSignal): Promise<URL> {
    this.addresses.delete(path);
    const verb = path.includes(':/') ? ':/content' : '/content';
    const url = this.graph.url(path + verb);
    const told = await this.graph.wire.asOwner({ kind: 'look', method: 'GET', url }, signal);
    if (told.status === 404) throw new BlobMissing();
    if (!redirects.includes(told.status)) throw faultOf(told);
    const found = this.graph.wire.link(told.header('location'));
    if (keep) this.keep(path, found);
    return found;
  }

  private keep(path: string, url: URL): void {
    const oldest = this.addresses.size >= mostAddresses ? this.addresses.keys().next().value : undefined;
    if (oldest !== undefined) this.addresses.delete(oldest);
    this.addresses.set(path, { url, until: this.clock.now() + addressKeptMs });
  }

  private open(url: URL, { offset, length }: ByteRange, signal?: AbortSignal): Promise<Answer> {
    const headers = { Accept: '*/*', Range: `bytes=${offset}-${offset + length - 1}` };
    return this.graph.wire.open({ kind: 'download', method: 'GET', url, headers, bytes: length }, signal);
  }
}

/** How much comes before what was asked for: the whole file may come instead of a part. */
function startOf(answer: Answer, offset: number): number {
  if (answer.status === 200) return offset;
  const start = /^bytes (\d{1,15})-/.exec(answer.header('content-range') ?? '')?.[1];
  if (start === undefined || Number(start) > offset) throw new NotUnderstood();
  return offset - Number(start);
}

async function refusal(answer: Answer): Promise<Error> {
  const { status } = answer;
  const header = (name: string) => answer.header(name);
  const json = parsed(await answer.bytes(longestRefusal).catch(() => Buffer.alloc(0)));
  return stale.includes(status) && json === undefined ? new ConnectionAway() : faultOf({ status, header, json });
}
