import type { OAuthRules } from '../../oauth/rules.js';

const vendorOrigin = 'https://login.microsoftonline.com';
/** Both personal accounts and those of firms and schools. */
const tenant = 'common';
const dayMs = 24 * 3_600_000;

export const onedriveOAuth: OAuthRules = {
  application: 'microsoft',
  endpoints: (origin) => ({
    authorize: `${origin ?? vendorOrigin}/${tenant}/oauth2/v2.0/authorize`,
    token: `${origin ?? vendorOrigin}/${tenant}/oauth2/v2.0/token`,
    revoke: null,
  }),
  consents: [
    {
      id: 'app-folder',
      title: 'Only a folder of Tessera’s own',
      scopes: ['Files.ReadWrite.AppFolder', 'offline_access'],
      required: ['Files.ReadWrite.AppFolder'],
    },
    {
      id: 'all-files',
      title:
        'All files, for accounts where the folder alone does not work; Tessera keeps to its own folder all the same',
      scopes: ['Files.ReadWrite', 'offline_access'],
      required: ['Files.ReadWrite'],
    },
  ],
  authorizeParameters: { response_mode: 'query', prompt: 'select_account' },
  scopeInTokenRequest: true,
  idleGrantMs: 90 * dayMs,
  // Microsoft's package is loaded when somebody has such an account.
  identify: async (place) => (await import('./identify.js')).identify(place),
  withdrawAt: 'https://account.live.com/consent/Manage',
};
