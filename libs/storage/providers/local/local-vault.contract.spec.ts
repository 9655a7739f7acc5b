import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newFolderName } from '../../folder-name.js';
import { describeProvider } from '../../testing/describe-provider.js';
import { openLocalVault } from './local-vault.js';

describeProvider('A local vault', async () => {
  const path = await mkdtemp(join(tmpdir(), 'vault-'));
  const provider = await openLocalVault({ path, folder: newFolderName(), instance: 'one' });
  await provider.writeMarker(Buffer.from('marker'));
  return { provider, dispose: () => rm(path, { recursive: true }) };
});
