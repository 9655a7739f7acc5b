import { describeProvider, faultyProvider, memoryProvider, TestClock } from '../testing/index.js';
import { metered } from './metered.js';
import { retrying } from './retrying.js';

describeProvider('A provider that is metered', async () => ({
  provider: metered(await memoryProvider(), { record: () => undefined }),
}));

describeProvider('A provider that is retried', async () => ({
  provider: retrying(await memoryProvider(), { budget: { attempts: 1 } }),
}));

describeProvider('A provider that fails at every other call, retried', async () => {
  const odd = Array.from({ length: 20_000 }, (_, index) => 2 * index + 1);
  const fails = { kind: 'fails-after' } as const;
  const memory = await memoryProvider();
  const faulty = faultyProvider(memory, [
    { method: 'put', nth: odd, does: fails },
    { method: 'get', nth: odd, does: { kind: 'breaks', after: 70_000 } },
    { method: 'stat', nth: odd, does: fails },
    { method: 'delete', nth: odd, does: fails },
    { method: 'list', nth: odd, does: fails },
    { method: 'readMarker', nth: odd, does: fails },
    { method: 'writeMarker', nth: odd, does: fails },
  ]);
  return { provider: retrying(faulty, { clock: new TestClock() }) };
});
