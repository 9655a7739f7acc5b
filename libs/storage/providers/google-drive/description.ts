import { SettingRefused } from '../../errors.js';
import type { AccessTokens, OAuthRules } from '../../oauth/rules.js';
import type { OpenPlace, ProviderDescription, Settings } from '../description.js';
import { googleDriveTraits, uploadBytesPerDay } from './traits.js';

const driveFile = 'https://www.googleapis.com/auth/drive.file';

const oauth: OAuthRules = {
  application: 'google',
  endpoints: (origin) => ({
    authorize: new URL('/o/oauth2/v2/auth', origin ?? 'https://accounts.google.com').href,
    token: new URL('/token', origin ?? 'https://oauth2.googleapis.com').href,
    revoke: new URL('/revoke', origin ?? 'https://oauth2.googleapis.com').href,
  }),
  consents: [
    {
      id: 'own-files',
      title: 'Tessera sees and changes only the files that it has made itself.',
      scopes: [driveFile],
      required: [driveFile],
    },
  ],
  // A refresh token comes with the first consent only, unless consent is asked for anew.
  authorizeParameters: { access_type: 'offline', prompt: 'consent' },
  scopeInTokenRequest: false,
  // Google drops what has not been used for six months.
  idleGrantMs: 180 * 24 * 3_600_000,
  async identify(place) {
    const { askWhose } = await import('./whose.js');
    return askWhose(place);
  },
  withdrawAt: 'https://myaccount.google.com/connections',
};

export const googleDrive: ProviderDescription = {
  id: 'google-drive',
  title: 'Google Drive',
  summary: 'A Google account’s Drive, private or of an organisation.',
  connect: 'consent',
  fields: [],
  help:
    'Google asks whether Tessera may use your Drive. It sees only files that it has made itself, in a folder “Tessera”. ' +
    'You may move that folder, but leave alone what lies in it: what is deleted there is lost here. ' +
    'Do not take the access away in your Google account while files lie there: Google then hides them from us for good.',
  links: [{ title: 'Apps with access to your Google account', url: 'https://myaccount.google.com/connections' }],
  adminsOnly: false,
  traits: googleDriveTraits,
  // Clients that have lived with Drive for years stay below ten calls a second and a handful of transfers.
  // 325,000 units a minute for each user.
  limits: { concurrency: 8, requestsPerSecond: 10, unitsPerSecond: 5400, uploadBytesPerDay },
  oauth,
  open: async (place) => {
    // Loaded when somebody has such a connection: the SDK takes its time.
    const { GoogleDrive } = await import('./google-drive.js');
    return new GoogleDrive({ ...reached(place), folder: place.folder, ids: readIds(place.settings) });
  },
  async settle(place) {
    const { decideIds } = await import('./decide-ids.js');
    const { folder, marker, top } = await decideIds(reached(place));
    return { ...place.settings, folderId: folder, markerId: marker, topId: top };
  },
  // Of several connections each is one Google account, and accounts are lost one by one.
  domainOf: async (settings) => `google:${settings['account'] ?? settings['folderId'] ?? ''}`,
};

function reached({ tokens, origin = null, gate }: OpenPlace): {
  tokens: AccessTokens;
  origin: string | null;
  gate: OpenPlace['gate'];
} {
  if (!tokens) throw new SettingRefused('tokens', 'Google has not been asked for its consent.');
  return { tokens, origin, gate };
}

function readIds(settings: Settings): { folder: string; marker: string; top: string } {
  const idOf = (name: string): string => {
    const id = settings[name];
    if (id === undefined) throw new SettingRefused(name, 'The place of our folder was not decided.');
    return id;
  };
  return { folder: idOf('folderId'), marker: idOf('markerId'), top: idOf('topId') };
}
