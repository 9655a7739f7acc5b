import type { ProviderDescription, Settings } from '../description.js';
import { webdavTraits } from './traits.js';
import { nextcloudLogin } from './web-login.js';

export const webdav: ProviderDescription = {
  id: 'webdav',
  title: 'Nextcloud or WebDAV',
  summary: 'A Nextcloud, an ownCloud, or any other server that speaks WebDAV.',
  connect: 'form',
  fields: [
    {
      name: 'url',
      label: 'Address',
      kind: 'url',
      required: true,
      secret: false,
      help: 'For Nextcloud and ownCloud the address in your browser, up to the host name; for others the address of a folder that exists.',
    },
    {
      name: 'username',
      label: 'User name',
      kind: 'text',
      required: true,
      secret: false,
      help: 'The name that you sign in with there.',
    },
    {
      name: 'password',
      label: 'Password',
      kind: 'password',
      required: true,
      secret: true,
      help: 'For Nextcloud make an app password: Settings, Security, “Devices & sessions”, “Create new app password”.',
    },
  ],
  help:
    'Tessera makes a folder of its own there and touches nothing else. ' +
    'An app password can be withdrawn at any time without changing your own, and works with a second factor. ' +
    'A server inside a private network has to be allowed by the operator of this gateway.',
  links: [
    {
      title: 'App passwords of Nextcloud',
      url: 'https://docs.nextcloud.com/server/latest/user_manual/en/session_management.html',
    },
  ],
  adminsOnly: false,
  traits: webdavTraits,
  limits: { concurrency: 4, requestsPerSecond: null },
  webLogin: nextcloudLogin,
  open: async ({ settings, folder, instance, outbound, gate }) => {
    // Loaded when somebody has such a connection: the package takes its time.
    const { openWebdav } = await import('./webdav-provider.js');
    const login = { username: settings['username'] ?? '', password: settings['password'] ?? '' };
    return openWebdav({ url: settings['url'] ?? '', login, folder, instance, outbound, gate });
  },
  identityOf: (settings) => `${addressOf(settings)?.host ?? ''}/${settings['username'] ?? ''}`,
  // Accounts of one server are lost together.
  domainOf: async (settings) => `host:${addressOf(settings)?.hostname ?? ''}`,
};

function addressOf(settings: Settings): URL | null {
  const url = URL.parse(settings['url']?.trim() ?? '');
  if (url?.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  return url;
}
