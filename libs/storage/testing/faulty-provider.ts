import { type Clock, systemClock } from '../clock.js';
import { ConnectionAway, ConnectionFull, Throttled } from '../errors.js';
import type { BlobListing, BlobName, ByteRange, CallOptions, GetOptions, StorageProvider } from '../provider.js';
import type { StorageMethod } from '../wrappers/index.js';

/** What goes wrong with a call. */
export type Misdeed =
  /** The call fails and has done nothing. */
  | { readonly kind: 'fails-before'; readonly error?: Error }
  /** The call has done its work, and fails: the answer was lost. */
  | { readonly kind: 'fails-after'; readonly error?: Error }
  | { readonly kind: 'full' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number | null }
  /** put, writeMarker: says yes and keeps nothing. */
  | { readonly kind: 'lost-write' }
  /** get: fails after so many bytes. */
  | { readonly kind: 'breaks'; readonly after: number; readonly error?: Error }
  /** get: ends after so many bytes as if that were all. */
  | { readonly kind: 'ends-early'; readonly after: number }
  /** get: one bit of the byte at this place in the range is another. */
  | { readonly kind: 'flipped-bit'; readonly at: number }
  /** list: the answer that the same page had when it was last asked for, or an empty one. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Waits until the caller aborts. */
  | { readonly kind: 'hangs' };

export interface ScriptLine {
  readonly method: StorageMethod;
  /** Which call to the method, counted from 1; without it every one. */
  readonly nth?: number | readonly number[];
  readonly does: Misdeed;
}

export interface FaultyProvider extends StorageProvider {
  /** Calls so far, misdeeds included. */
  readonly calls: ReadonlyMap<StorageMethod, number>;
  /** Replaces the script; counting goes on. */
  follow(script: readonly ScriptLine[]): void;
}

/** A provider that goes wrong as a script says: by method and by the number of the call. */
export function faultyProvider(
  provider: StorageProvider,
  script: readonly ScriptLine[],
  clock: Clock = systemClock,
): FaultyProvider {
  const calls = new Map<StorageMethod, number>();
  const pages = new Map<string | undefined, BlobListing>();
  let lines = script;
  const next = (method: StorageMethod): Misdeed | undefined => {
    const count = (calls.get(method) ?? 0) + 1;
    calls.set(method, count);
    return lines.find((line) => line.method === method && (line.nth === undefined || [line.nth].flat().includes(count)))
      ?.does;
  };
  const call = async <Result>(
    method: StorageMethod,
    options: CallOptions | undefined,
    work: () => Promise<Result>,
    untold?: () => Result,
  ): Promise<Result> => {
    const misdeed = next(method);
    await beforehand(misdeed, clock, options?.signal);
    const instead = misdeed?.kind === 'lost-write' || misdeed?.kind === 'stale' ? untold : undefined;
    const result = instead ? instead() : await work();
    if (misdeed?.kind === 'fails-after') throw misdeed.error ?? new ConnectionAway();
    return result;
  };
  const list = async (cursor: string | undefined, options?: CallOptions): Promise<BlobListing> => {
    const page = await provider.list(cursor, options);
    pages.set(cursor, page);
    return page;
  };
  return {
    calls,
    follow: (another) => {
      lines = another;
    },
    traits: provider.traits,
    nameBlob: (options) => call('nameBlob', options, () => provider.nameBlob(options)),
    put: (name, body, options) =>
      call(
        'put',
        options,
        () => provider.put(name, body, options),
        () => ({ kind: 'looked', checksum: null }),
      ),
    get: (name, range, options) => spoiled(provider, next('get'), clock, name, range, options),
    stat: (name, options) => call('stat', options, () => provider.stat(name, options)),
    delete: (name, options) => call('delete', options, () => provider.delete(name, options)),
    list: (cursor, options) =>
      call(
        'list',
        options,
        () => list(cursor, options),
        () => pages.get(cursor) ?? { entries: [] },
      ),
    space: (options) => call('space', options, () => provider.space(options)),
    readMarker: (options) => call('readMarker', options, () => provider.readMarker(options)),
    writeMarker: (marker, options) =>
      call(
        'writeMarker',
        options,
        () => provider.writeMarker(marker, options),
        () => undefined,
      ),
    removeFolder: (options) => call('removeFolder', options, () => provider.removeFolder(options)),
    close: () => provider.close(),
  };
}

async function beforehand(misdeed: Misdeed | undefined, clock: Clock, signal?: AbortSignal): Promise<void> {
  switch (misdeed?.kind) {
    case 'fails-before':
      throw misdeed.error ?? new ConnectionAway();
    case 'full':
      throw new ConnectionFull();
    case 'throttled':
      throw new Throttled(misdeed.retryAfterMs);
    case 'slow':
      return clock.sleep(misdeed.ms, signal);
    case 'hangs':
      return untilAborted(signal);
    default:
  }
}

async function untilAborted(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
  signal?.throwIfAborted();
}

async function* spoiled(
  provider: StorageProvider,
  misdeed: Misdeed | undefined,
  clock: Clock,
  name: BlobName,
  range: ByteRange,
  options?: GetOptions,
): AsyncIterable<Buffer> {
  await beforehand(misdeed, clock, options?.signal);
  const cut = misdeed?.kind === 'breaks' || misdeed?.kind === 'ends-early' ? misdeed.after : Infinity;
  let at = 0;
  for await (const piece of provider.get(name, range, options)) {
    if (misdeed?.kind === 'flipped-bit') flip(piece, misdeed.at - at);
    const left = Math.min(piece.length, cut - at);
    if (left > 0) yield piece.subarray(0, left);
    if (left < piece.length) break;
    at += piece.length;
  }
  if (misdeed?.kind === 'breaks' || misdeed?.kind === 'fails-after') throw misdeed.error ?? new ConnectionAway();
}

function flip(piece: Buffer, at: number): void {
  if (at >= 0 && at < piece.length) piece[at]! ^= 1;
}
