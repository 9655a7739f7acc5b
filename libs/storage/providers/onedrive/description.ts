import { SettingRefused } from '../../errors.js';
import type { ProviderDescription } from '../description.js';
import { onedriveOAuth } from './oauth.js';
import { onedriveTraits } from './traits.js';

export const onedrive: ProviderDescription = {
  id: 'onedrive',
  title: 'OneDrive',
  summary: 'Microsoft’s OneDrive, of a person or of a firm.',
  connect: 'consent',
  fields: [],
  help:
    'Tessera asks for a folder of its own, “Apps/…” in your OneDrive, and sees nothing else. Some newer personal ' +
    'accounts refuse that; choose “All files” then: Tessera keeps to its folder all the same. What Tessera deletes in ' +
    'a personal OneDrive lies in its recycle bin for 30 days and takes up room there, unless you empty it.',
  links: [
    { title: 'Take the permission back (personal accounts)', url: 'https://account.live.com/consent/Manage' },
    { title: 'Take the permission back (work and school accounts)', url: 'https://myapplications.microsoft.com' },
  ],
  adminsOnly: false,
  traits: onedriveTraits,
  // Of the 20 units a second that Microsoft gives an application in the smallest directories, over all who use it there.
  limits: { concurrency: 4, requestsPerSecond: 10, unitsPerSecond: 16 },
  oauth: onedriveOAuth,
  open: async ({ tokens, folder, origin, gate, outbound }) => {
    if (!tokens) throw new SettingRefused('tokens', 'Microsoft has not been asked for its consent.');
    const { OnedriveProvider } = await import('./onedrive-provider.js');
    return new OnedriveProvider({ tokens, folder, origin, gate, outbound });
  },
  // Whatever lies in one account is lost with it.
  domainOf: async (settings) => `microsoft:${settings['account'] ?? ''}`,
};
