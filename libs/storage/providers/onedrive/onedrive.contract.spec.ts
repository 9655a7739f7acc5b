import { type MicrosoftDouble, startMicrosoftDouble } from '../../../../test/doubles/microsoft/index.js';
import { newFolderName } from '../../folder-name.js';
import { describeProvider } from '../../testing/index.js';
import { OnedriveProvider } from './onedrive-provider.js';

async function fresh(email: string, scopes: readonly string[], change?: (double: MicrosoftDouble) => void) {
  const double = await startMicrosoftDouble();
  change?.(double);
  const tokens = double.tokensOf(email, scopes);
  const provider = new OnedriveProvider({ tokens, origin: double.origin, folder: newFolderName() });
  await provider.writeMarker(Buffer.from('marker'));
  return { provider, dispose: () => double.stop() };
}

describeProvider('A personal OneDrive, its own folder alone,', () =>
  fresh('ada@example.com', ['Files.ReadWrite.AppFolder']),
);

describeProvider('A firm’s OneDrive that tells no hashes, gives small pages and whole files', () =>
  fresh('grace@firm.example', ['Files.ReadWrite'], ({ ways }) => {
    ways.graph.hashes = 'none';
    ways.graph.pageLength = 50;
    ways.bytes.rangeDownloads = false;
    ways.bytes.ranges = 'closed';
  }),
);
