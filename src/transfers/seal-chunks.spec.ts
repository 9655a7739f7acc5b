import { afterEach, expect, it, vi } from 'vitest';
import { ByteBudget, SealedStage, StagingFull } from '#chunks';
import { deriveContentKeys, SecretKey } from '#crypto';
import { nativeHash } from './plain-hash.js';
import { ChunkCutter } from './seal-chunks.js';

afterEach(() => void vi.restoreAllMocks());

it('lets go of a stage on a disk that is full at the first byte of a chunk', async () => {
  const release = vi.spyOn(SealedStage.prototype, 'release');
  const append = vi.spyOn(SealedStage.prototype, 'append').mockRejectedValue(new StagingFull());
  const budget = new ByteBudget(10_000_000);
  const cutter = new ChunkCutter({
    account: '01890000-0000-7000-8000-000000000001',
    content: '01890000-0000-7000-8000-000000000002',
    keys: deriveContentKeys(SecretKey.random()),
    chunkLength: 1_000_000,
    total: 10,
    room: { budget, turns: new ByteBudget(1000), folder: '/nowhere' },
    frames: new ByteBudget(1000),
    copies: true,
    signal: new AbortController().signal,
    hash: nativeHash(),
  });
  const all = async (): Promise<void> => {
    for await (const _ of cutter.chunks(
      (async function* () {
        yield Buffer.alloc(10);
      })(),
    ));
  };
  await expect(all()).rejects.toBeInstanceOf(StagingFull);
  expect([append.mock.calls.length, release.mock.calls.length, budget.used]).toEqual([1, 1, 0]);
});
