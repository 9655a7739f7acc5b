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

/** Exactly these bytes of an item. Throws BlobMissing, BlobTruncated. */
export async function* readContent(
  graph: Graph,
  path: string,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  let left = range.length;
  for await (const piece of piecesOf(graph, path, range, signal)) {
    left -= piece.length;
    yield piece;
  }
  if (left > 0) throw new BlobTruncated();
}

/** All of a small item. Throws BlobMissing. */
export async function readWhole(graph: Graph, path: string, longest: number, signal?: AbortSignal): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of piecesOf(graph, path, { offset: 0, length: longest }, signal)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/**
 * What there is of these bytes, from wherever Graph sends us for them: an address that is good for minutes, for whoever
 * has it, and that never gets our token.
 */
async function* piecesOf(graph: Graph, path: string, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Buffer> {
  let answer = await openRange(graph, await addressOf(graph, path, signal), range, signal);
  if (stale.includes(answer.status)) {
    await answer.discard();
    answer = await openRange(graph, await addressOf(graph, path, signal), range, signal);
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

async function addressOf(graph: Graph, path: string, signal?: AbortSignal): Promise<URL> {
  const verb = path.includes(':/') ? ':/content' : '/content';
  const told = await graph.wire.asOwner({ kind: 'look', method: 'GET', url: graph.url(path + verb) }, signal);
  if (told.status === 404) throw new BlobMissing();
  if (!redirects.includes(told.status)) throw faultOf(told);
  return graph.wire.link(told.header('location'));
}

async function openRange(graph: Graph, url: URL, { offset, length }: ByteRange, signal?: AbortSignal): Promise<Answer> {
  const headers = { Accept: '*/*', Range: `bytes=${offset}-${offset + length - 1}` };
  return graph.wire.open({ kind: 'download', method: 'GET', url, headers, bytes: length }, signal);
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
