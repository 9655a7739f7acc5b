import { describeProvider } from './describe-provider.js';
import { faultyProvider } from './faulty-provider.js';
import { memoryProvider } from './memory-provider.js';

describeProvider('The provider in memory', async () => ({ provider: await memoryProvider() }));

describeProvider('A faulty provider without a script', async () => ({
  provider: faultyProvider(await memoryProvider(), []),
}));
