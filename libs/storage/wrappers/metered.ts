import { type Clock, systemClock } from '../clock.js';
import type { GetOptions, BlobName, ByteRange, StorageProvider } from '../provider.js';

export type StorageMethod = Exclude<keyof StorageProvider, 'traits' | 'close'>;

export interface MeteredCall {
  readonly method: StorageMethod;
  readonly ms: number;
  /** Bytes that a put or writeMarker stored, or that a get or readMarker gave. */
  readonly bytes: number;
  /** The name of the fault's class, or null when all went well. */
  readonly fault: string | null;
}

export interface Meter {
  record(call: MeteredCall): void;
}

/** Tells a meter of every call when it has ended. A get lasts as long as its reader takes, so its `ms` counts only waiting for the provider. */
export function metered(provider: StorageProvider, meter: Meter, clock: Clock = systemClock): StorageProvider {
  const measure = async <Result>(
    method: StorageMethod,
    call: () => Promise<Result>,
    bytesOf: (result: Result) => number = () => 0,
  ): Promise<Result> => {
    const began = clock.now();
    try {
      const result = await call();
      meter.record({ method, ms: clock.now() - began, bytes: bytesOf(result), fault: null });
      return result;
    } catch (error) {
      meter.record({ method, ms: clock.now() - began, bytes: 0, fault: faultName(error) });
      throw error;
    }
  };
  return {
    traits: provider.traits,
    // Most names are drawn here and say nothing about the provider.
    nameBlob: (call) => provider.nameBlob(call),
    put: (name, body, call) =>
      measure(
        'put',
        () => provider.put(name, body, call),
        () => body.length,
      ),
    get: (name, range, call) => measuredGet(provider, meter, clock, name, range, call),
    stat: (name, call) => measure('stat', () => provider.stat(name, call)),
    delete: (name, call) => measure('delete', () => provider.delete(name, call)),
    list: (cursor, call) => measure('list', () => provider.list(cursor, call)),
    space: (call) => measure('space', () => provider.space(call)),
    readMarker: (call) =>
      measure(
        'readMarker',
        () => provider.readMarker(call),
        (marker) => marker?.length ?? 0,
      ),
    writeMarker: (marker, call) =>
      measure(
        'writeMarker',
        () => provider.writeMarker(marker, call),
        () => marker.length,
      ),
    removeFolder: (call) => measure('removeFolder', () => provider.removeFolder(call)),
    close: () => provider.close(),
  };
}

async function* measuredGet(
  provider: StorageProvider,
  meter: Meter,
  clock: Clock,
  name: BlobName,
  range: ByteRange,
  options?: GetOptions,
): AsyncIterable<Buffer> {
  let bytes = 0;
  let ms = 0;
  let fault: string | null = null;
  let asked = clock.now();
  try {
    for await (const piece of provider.get(name, range, options)) {
      ms += clock.now() - asked;
      bytes += piece.length;
      yield piece;
      asked = clock.now();
    }
    ms += clock.now() - asked;
  } catch (error) {
    ms += clock.now() - asked;
    fault = faultName(error);
    throw error;
  } finally {
    meter.record({ method: 'get', ms, bytes, fault });
  }
}

function faultName(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
