import { describe, expect, it } from 'vitest';
import { AccessRefused, AddressRefused, ConnectionAway } from './errors.js';
import { probe } from './probe.js';
import { faultyProvider, MemoryProvider, memoryProvider, type ScriptLine, TestClock } from './testing/index.js';

const failures: [line: ScriptLine, step: string, advice: RegExp][] = [
  [{ method: 'readMarker', does: { kind: 'fails-before', error: new ConnectionAway() } }, 'prepare', /reachable/],
  [{ method: 'writeMarker', does: { kind: 'fails-before', error: new AccessRefused() } }, 'prepare', /Allow/],
  [{ method: 'readMarker', does: { kind: 'fails-before', error: new AddressRefused() } }, 'prepare', /operator/],
  [{ method: 'put', does: { kind: 'full' } }, 'write', /Make room/],
  [{ method: 'put', does: { kind: 'throttled', retryAfterMs: null } }, 'write', /Wait/],
  [{ method: 'put', does: { kind: 'fails-before', error: new TypeError('a mistake') } }, 'write', /log/],
  [{ method: 'put', does: { kind: 'lost-write' } }, 'read', /does not give back/],
  [{ method: 'get', does: { kind: 'breaks', after: 5 } }, 'read', /reachable/],
  [{ method: 'get', does: { kind: 'flipped-bit', at: 40_000 } }, 'compare', /does not give back/],
  [{ method: 'get', does: { kind: 'ends-early', after: 40_000 } }, 'compare', /does not give back/],
  [{ method: 'delete', does: { kind: 'fails-before', error: new AccessRefused() } }, 'delete', /Allow/],
  [{ method: 'removeFolder', nth: 1, does: { kind: 'fails-before' } }, 'tidy', /reachable/],
];

class NeverDeletes extends MemoryProvider {
  override async delete() {}
}

describe('Trying a connection before it is saved', () => {
  it('writes, reads back, compares and deletes, and leaves a new place as it was', async () => {
    const provider = new MemoryProvider();
    const { ok, steps } = await probe(provider);
    expect(ok).toBe(true);
    expect(steps.map(({ step }) => step)).toEqual(['prepare', 'write', 'read', 'compare', 'delete', 'tidy']);
    expect(provider.blobs.size).toBe(0);
    expect(await provider.readMarker()).toBeNull();
  });

  it('keeps the marker and the blobs of a place in use', async () => {
    const provider = await memoryProvider();
    const { ok, steps } = await probe(provider);
    expect(ok).toBe(true);
    expect(steps.map(({ step }) => step)).toEqual(['prepare', 'write', 'read', 'compare', 'delete']);
    expect(await provider.readMarker()).toEqual(Buffer.from('memory'));
  });

  it('times each step', async () => {
    const clock = new TestClock();
    const slow = faultyProvider(
      await memoryProvider(),
      [
        { method: 'put', does: { kind: 'slow', ms: 300 } },
        { method: 'get', does: { kind: 'slow', ms: 40 } },
      ],
      clock,
    );
    const { steps } = await probe(slow, { clock });
    expect(steps).toEqual([
      { step: 'prepare', ms: 0 },
      { step: 'write', ms: 300 },
      { step: 'read', ms: 40 },
      { step: 'compare', ms: 0 },
      { step: 'delete', ms: 0 },
    ]);
  });

  it.each(failures)('names the step that failed and says what to do: %j', async (line, step, advice) => {
    const memory = new MemoryProvider();
    const result = await probe(faultyProvider(memory, [line]));
    expect(result).toMatchObject({ ok: false, failedStep: step, advice: expect.stringMatching(advice) });
    expect(result.steps.at(-1)?.step).toBe(step);
    expect(result.reason).toBeTruthy();
    if (line.method !== 'delete') expect(memory.blobs.size).toBe(0);
  });

  it('finds a place where nothing can be deleted', async () => {
    const provider = new NeverDeletes();
    expect(await probe(provider)).toMatchObject({ ok: false, failedStep: 'delete' });
  });

  it('goes when its caller goes', async () => {
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(probe(await memoryProvider(), { signal })).rejects.toThrow('gone');
  });
});
