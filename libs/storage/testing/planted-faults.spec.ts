import { describe, expect, it } from 'vitest';
import { newBlobName } from '../blob-name.js';
import { BlobMissing } from '../errors.js';
import type { BlobBody, BlobName, ByteRange, CallOptions, GetOptions, StorageProvider } from '../provider.js';
import { bodyOf, readAll, someBytes } from './bytes.js';
import { contractCases } from './contract/index.js';
import { faultyProvider, type ScriptLine } from './faulty-provider.js';
import { MemoryProvider } from './memory-provider.js';

/** Of the promises that `about` selects, those that the provider breaks. */
async function brokenPromises(make: () => Promise<StorageProvider>, about = /./): Promise<string[]> {
  const broken: string[] = [];
  for (const { name, run } of contractCases.filter((promise) => about.test(promise.name))) {
    try {
      await run(await make(), { listed: 2500 });
    } catch {
      broken.push(name);
    }
  }
  return broken;
}

async function withFolder<Provider extends StorageProvider>(provider: Provider): Promise<Provider> {
  await provider.writeMarker(Buffer.from('marker'));
  return provider;
}

class Overwrites extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    options?.signal?.throwIfAborted();
    if (this.blobs.has(name)) await super.delete(name);
    return super.put(name, body, options);
  }
}

class ComparesLengthsOnly extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    const there = this.blobs.get(name);
    if (there?.length === body.length) return { kind: 'looked', checksum: null } as const;
    return super.put(name, body, options);
  }
}

class RefusesRepeats extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    if (this.blobs.has(name)) throw new Error('exists');
    return super.put(name, body, options);
  }
}

class ShowsHalves extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    const half = {
      length: body.length,
      pieces: () => this.shown(name, body),
    };
    if (this.blobs.has(name)) return super.put(name, body, options);
    return super.put(name, half, options);
  }

  private async *shown(name: BlobName, body: BlobBody) {
    for await (const piece of body.pieces()) {
      this.blobs.set(name, piece);
      yield piece;
    }
    this.blobs.delete(name);
  }
}

class ListsTemporaries extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    this.strangers.set(`${name}.tmp`, 0);
    try {
      return await super.put(name, body, options);
    } finally {
      this.strangers.delete(`${name}.tmp`);
    }
  }
}

class LeavesTemporaries extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    this.strangers.set(`${name}.tmp`, 0);
    const proof = await super.put(name, body, options);
    this.strangers.delete(`${name}.tmp`);
    return proof;
  }
}

class KeepsWhatCameSoFar extends MemoryProvider {
  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    const pieces: Buffer[] = [];
    const seen: BlobBody = {
      length: body.length,
      async *pieces() {
        for await (const piece of body.pieces()) {
          pieces.push(piece);
          yield piece;
        }
      },
    };
    try {
      return await super.put(name, seen, options);
    } catch (error) {
      if (!this.blobs.has(name) && pieces.length > 0) this.blobs.set(name, Buffer.concat(pieces));
      throw error;
    }
  }
}

class ReadsOneByteLate extends MemoryProvider {
  override get(name: BlobName, { offset, length }: ByteRange, options?: GetOptions) {
    return super.get(name, offset > 0 ? { offset: offset + 1, length } : { offset, length }, options);
  }
}

class GivesOneByteMore extends MemoryProvider {
  override async *get(name: BlobName, range: ByteRange, options?: GetOptions) {
    const room = (this.blobs.get(name)?.length ?? 0) - range.offset;
    const length = range.length > 1 ? Math.min(range.length + 1, Math.max(room, range.length)) : range.length;
    yield* super.get(name, { offset: range.offset, length }, options);
  }
}

class EndsQuietly extends MemoryProvider {
  override async *get(name: BlobName, range: ByteRange, options?: GetOptions) {
    const blob = this.blobs.get(name);
    const length = blob ? Math.max(0, Math.min(range.length, blob.length - range.offset)) : range.length;
    yield* super.get(name, { offset: range.offset, length }, options);
  }
}

class ReusesItsBuffer extends MemoryProvider {
  private readonly shared = Buffer.alloc(16 * 1024 * 1024);

  override async *get(name: BlobName, range: ByteRange, options?: GetOptions) {
    for await (const piece of super.get(name, range, options)) {
      piece.copy(this.shared);
      yield this.shared.subarray(0, piece.length);
    }
  }
}

class IgnoresPieceLength extends MemoryProvider {
  override get(name: BlobName, range: ByteRange, options?: GetOptions) {
    return super.get(name, range, { ...options, pieceLength: undefined });
  }
}

class CallsMissingEmpty extends MemoryProvider {
  override async *get(name: BlobName, range: ByteRange, options?: GetOptions) {
    try {
      yield* super.get(name, range, options);
    } catch (error) {
      if (!(error instanceof BlobMissing)) throw error;
    }
  }
}

class ForgetsALetterOfTheCursor extends MemoryProvider {
  override async list(cursor?: string, options?: CallOptions) {
    return super.list(cursor === undefined ? undefined : cursor.slice(0, 1), options);
  }
}

class SkipsBetweenPages extends MemoryProvider {
  override async list(cursor?: string, options?: CallOptions) {
    const page = await super.list(cursor, options);
    return cursor === undefined ? page : { ...page, entries: page.entries.slice(1) };
  }
}

class StopsAfterAPage extends MemoryProvider {
  override async list(cursor?: string, options?: CallOptions) {
    return { entries: (await super.list(cursor, options)).entries };
  }
}

class MindsAbsence extends MemoryProvider {
  override async delete(name: BlobName, options?: CallOptions) {
    if (!this.blobs.has(name)) throw new BlobMissing();
    return super.delete(name, options);
  }
}

class DeletesNothing extends MemoryProvider {
  override async delete() {}
}

class AppendsMarkers extends MemoryProvider {
  override async writeMarker(marker: Buffer, options?: CallOptions) {
    const there = (await this.readMarker()) ?? Buffer.alloc(0);
    return super.writeMarker(Buffer.concat([there, marker]), options);
  }
}

class ListsItsMarker extends MemoryProvider {
  override async writeMarker(marker: Buffer, options?: CallOptions) {
    await super.writeMarker(marker, options);
    this.strangers.set('marker', marker.length);
  }
}

class RemovesEverything extends MemoryProvider {
  override async removeFolder() {
    this.wipe();
  }
}

class WorksWithoutAFolder extends MemoryProvider {
  override async stat(name: BlobName, options?: CallOptions) {
    if (await this.readMarker()) return super.stat(name, options);
    return null;
  }
}

class TakesAnyName extends MemoryProvider {
  override async stat(name: BlobName, options?: CallOptions) {
    return name.includes('..') ? null : super.stat(name, options);
  }
}

class NeverGivesUp extends MemoryProvider {
  override put(name: BlobName, body: BlobBody) {
    return super.put(name, body);
  }
}

class ReadsToTheEnd extends MemoryProvider {
  override get(name: BlobName, range: ByteRange, options?: GetOptions) {
    return super.get(name, range, { pieceLength: options?.pieceLength });
  }
}

class TakesTheFirstOfTwo extends MemoryProvider {
  private readonly busy = new Set<string>();

  override async put(name: BlobName, body: BlobBody, options?: CallOptions) {
    if (this.busy.has(name)) return { kind: 'looked', checksum: null } as const;
    this.busy.add(name);
    return super.put(name, body, options).finally(() => this.busy.delete(name));
  }
}

const plants: [fault: string, plant: new () => StorageProvider, caughtBy: RegExp][] = [
  ['overwrites', Overwrites, /refuses to overwrite/],
  ['compares only lengths with what is there', ComparesLengthsOnly, /differs by one bit/],
  ['refuses to be asked twice', RefusesRepeats, /takes a put again/],
  ['shows blobs while they come', ShowsHalves, /shows nothing of a blob before it is whole/],
  ['lists its temporary files', ListsTemporaries, /shows nothing of a blob before it is whole/],
  ['leaves its temporary files behind', LeavesTemporaries, /body that breaks in the middle/],
  ['keeps what came before the break', KeepsWhatCameSoFar, /body that breaks in the middle/],
  ['keeps bodies of the wrong length', KeepsWhatCameSoFar, /fewer bytes than announced/],
  ['reads one byte late', ReadsOneByteLate, /exactly the range/],
  ['gives one byte more', GivesOneByteMore, /exactly the range/],
  ['ends quietly where the blob ends', EndsQuietly, /too short/],
  ['gives the same buffer twice', ReusesItsBuffer, /never reuses one/],
  ['gives pieces as long as it likes', IgnoresPieceLength, /to the length that the reader wants/],
  ['takes a missing blob for an empty one', CallsMissingEmpty, /a blob is missing/],
  ['lists some twice', ForgetsALetterOfTheCursor, /lists each/],
  ['skips one between pages', SkipsBetweenPages, /lists each/],
  ['lists the first page only', StopsAfterAPage, /lists each/],
  ['minds deleting what is absent', MindsAbsence, /deletes a blob/],
  ['deletes nothing', DeletesNothing, /deletes a blob/],
  ['appends markers', AppendsMarkers, /replaces it whole/],
  ['lists its marker', ListsItsMarker, /never the marker/],
  ['removes a folder with blobs in it', RemovesEverything, /does not take away/],
  ['concludes absence without a folder', WorksWithoutAFolder, /is away without it/],
  ['takes any name', TakesAnyName, /not a blob name/],
  ['goes on putting for one who has gone', NeverGivesUp, /gives up a put/],
  ['goes on reading for one who has gone', ReadsToTheEnd, /gives up a get/],
  ['says yes to the second of two rivals', TakesTheFirstOfTwo, /only one of eight/],
];

const scripts: [fault: string, line: ScriptLine, caughtBy: RegExp][] = [
  ['loses one write', { method: 'put', nth: 1, does: { kind: 'lost-write' } }, /gives back 4096 bytes/],
  ['loses one write in 32', { method: 'put', nth: 17, does: { kind: 'lost-write' } }, /takes 32 blobs at once/],
  ['flips one bit', { method: 'get', nth: 1, does: { kind: 'flipped-bit', at: 4094 } }, /gives back 4095 bytes/],
  ['cuts the last byte', { method: 'get', does: { kind: 'ends-early', after: 4095 } }, /gives back 4096 bytes/],
  ['breaks after the last byte', { method: 'get', does: { kind: 'fails-after' } }, /gives back 1 bytes/],
  ['lists yesterday’s page', { method: 'list', does: { kind: 'stale' } }, /takes 32 blobs at once/],
  ['loses the marker', { method: 'writeMarker', nth: 2, does: { kind: 'lost-write' } }, /replaces it whole/],
  ['is full', { method: 'put', nth: 1, does: { kind: 'full' } }, /gives back 0 bytes/],
];

describe('The contract of a provider finds one that', () => {
  it('keeps it to be without fault', async () => {
    expect(await brokenPromises(() => withFolder(new MemoryProvider()))).toEqual([]);
  });

  it.each(plants)('%s', async (_fault, Plant, caughtBy) => {
    const broken = await brokenPromises(() => withFolder(new Plant()), caughtBy);
    expect(broken).not.toEqual([]);
  });

  it.each(scripts)('%s', async (_fault, line, caughtBy) => {
    const broken = await brokenPromises(async () => withFolder(faultyProvider(new MemoryProvider(), [line])), caughtBy);
    expect(broken).not.toEqual([]);
  });
});

describe('A faulty provider', () => {
  it('fails after the effect: the blob is there', async () => {
    const memory = await withFolder(new MemoryProvider());
    const faulty = faultyProvider(memory, [{ method: 'put', nth: 2, does: { kind: 'fails-after' } }]);
    const [first, second] = [newBlobName(), newBlobName()];
    await faulty.put(first, bodyOf(someBytes(10)));
    await expect(faulty.put(second, bodyOf(someBytes(10)))).rejects.toThrow('cannot be reached');
    expect(memory.blobs.has(second)).toBe(true);
    expect(faulty.calls.get('put')).toBe(2);
  });

  it('fails before the effect: nothing is there', async () => {
    const memory = await withFolder(new MemoryProvider());
    const faulty = faultyProvider(memory, [{ method: 'put', does: { kind: 'fails-before' } }]);
    await expect(faulty.put(newBlobName(), bodyOf(someBytes(10)))).rejects.toThrow('cannot be reached');
    expect(memory.blobs.size).toBe(0);
  });

  it('hangs until its caller goes', async () => {
    const faulty = faultyProvider(await withFolder(new MemoryProvider()), [
      { method: 'stat', does: { kind: 'hangs' } },
    ]);
    const leaving = new AbortController();
    const call = faulty.stat(newBlobName(), { signal: leaving.signal });
    leaving.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
  });

  it('follows another script from then on', async () => {
    const faulty = faultyProvider(await withFolder(new MemoryProvider()), [{ method: 'put', does: { kind: 'full' } }]);
    const name = newBlobName();
    await expect(faulty.put(name, bodyOf(someBytes(10)))).rejects.toThrow('no room');
    faulty.follow([]);
    await faulty.put(name, bodyOf(someBytes(10)));
    expect(await readAll(faulty, name, { offset: 0, length: 10 })).toEqual(someBytes(10));
  });
});
