import { describe, expect, it } from 'vitest';
import { newBlobName } from '../blob-name.js';
import {
  bodyOf,
  faultyProvider,
  memoryProvider,
  readAll,
  type ScriptLine,
  someBytes,
  TestClock,
} from '../testing/index.js';
import { metered, type MeteredCall } from './metered.js';

async function setUp(script: readonly ScriptLine[] = []) {
  const clock = new TestClock();
  const calls: MeteredCall[] = [];
  const memory = await memoryProvider();
  const meter = { record: (call: MeteredCall) => void calls.push(call) };
  return { clock, calls, memory, provider: metered(faultyProvider(memory, script, clock), meter, clock) };
}

describe('A provider that is metered', () => {
  it('tells of every call, with its bytes', async () => {
    const { provider, calls } = await setUp();
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(1000)));
    await readAll(provider, name, { offset: 10, length: 500 });
    await provider.stat(name);
    await provider.list();
    await provider.space();
    await provider.writeMarker(someBytes(64));
    await provider.readMarker();
    await provider.delete(name);
    await provider.removeFolder();
    expect(calls.map(({ method, bytes, fault }) => [method, bytes, fault])).toEqual([
      ['put', 1000, null],
      ['get', 500, null],
      ['stat', 0, null],
      ['list', 0, null],
      ['space', 0, null],
      ['writeMarker', 64, null],
      ['readMarker', 64, null],
      ['delete', 0, null],
      ['removeFolder', 0, null],
    ]);
  });

  it('tells how long each took', async () => {
    const { provider, calls } = await setUp([
      { method: 'put', does: { kind: 'slow', ms: 120 } },
      { method: 'get', does: { kind: 'slow', ms: 70 } },
    ]);
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(10)));
    await readAll(provider, name, { offset: 0, length: 10 });
    expect(calls.map(({ ms }) => ms)).toEqual([120, 70]);
  });

  it('does not count the time that a reader takes', async () => {
    const { provider, calls, clock } = await setUp([{ method: 'get', does: { kind: 'slow', ms: 70 } }]);
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(3000)));
    const options = { pieceLength: 1000 };
    for await (const _ of provider.get(name, { offset: 0, length: 3000 }, options)) await clock.sleep(5000);
    expect(calls[1]).toEqual({ method: 'get', ms: 70, bytes: 3000, fault: null });
  });

  it('tells faults by name, and of a get what had come before', async () => {
    const { provider, calls } = await setUp([
      { method: 'put', nth: 2, does: { kind: 'full' } },
      { method: 'get', does: { kind: 'breaks', after: 400 } },
    ]);
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(1000)));
    await expect(provider.put(newBlobName(), bodyOf(someBytes(9)))).rejects.toThrow();
    await expect(readAll(provider, name, { offset: 0, length: 1000 })).rejects.toThrow();
    expect(calls.slice(1).map(({ method, bytes, fault }) => [method, bytes, fault])).toEqual([
      ['put', 0, 'ConnectionFull'],
      ['get', 400, 'ConnectionAway'],
    ]);
  });

  it('tells of a get that its reader left', async () => {
    const { provider, calls } = await setUp();
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(3000)));
    for await (const _ of provider.get(name, { offset: 0, length: 3000 }, { pieceLength: 1000 })) break;
    expect(calls[1]).toMatchObject({ method: 'get', bytes: 1000, fault: null });
  });
});
