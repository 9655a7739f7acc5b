import { afterAll, beforeAll, describe } from 'vitest';
import { newFolderName } from '../../folder-name.js';
import { describeProvider } from '../../testing/index.js';
import { startApache, startNginx, startRcloneWebdav } from '../../testing/servers/dav-server.js';
import { startNextcloudDouble } from '../../testing/servers/nextcloud-double.js';
import { openWebdav } from './webdav-provider.js';

describe.each([
  { name: 'Apache', start: startApache },
  { name: 'nginx', start: startNginx },
  { name: 'rclone', start: startRcloneWebdav },
  { name: 'a double of Nextcloud', start: startNextcloudDouble },
])('$name', ({ name, start }) => {
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  describeProvider(`WebDAV at ${name}`, async () => {
    const { url, login } = server;
    const place = { url, login, folder: newFolderName(), instance: 'one' };
    const provider = openWebdav({ ...place, outbound: { allowHosts: ['127.0.0.1'] } });
    await provider.writeMarker(Buffer.from('marker'));
    return { provider };
  });
});
