import type { ProviderDescription } from '../description.js';
import { deviceOf } from './device.js';
import { localTraits, openLocalVault } from './local-vault.js';

export const local: ProviderDescription = {
  id: 'local',
  title: 'Local vault',
  summary: 'A folder on a disk, or on a network share that is mounted, of the machine the gateway runs on.',
  connect: 'form',
  fields: [
    {
      name: 'path',
      label: 'Folder',
      kind: 'path',
      required: true,
      secret: false,
      help: 'The full path of a folder that exists. Tessera makes a folder of its own in it and touches nothing else.',
    },
  ],
  help:
    'The user that the gateway runs as has to be able to write there. ' +
    'Two vaults on one disk are lost together, so they count as one place when shards are spread.',
  links: [],
  adminsOnly: true,
  traits: localTraits,
  limits: { concurrency: 16, requestsPerSecond: null },
  open: ({ settings, folder, instance }) => openLocalVault({ path: settings['path'] ?? '', folder, instance }),
  identityOf: (settings) => settings['path'] ?? '',
  domainOf: (settings) => deviceOf(settings['path'] ?? ''),
};
