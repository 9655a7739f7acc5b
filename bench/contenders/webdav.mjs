/** The same gateway through its WebDAV door, signed in to as a program does: Basic with an app password. */
export async function openWebdav(gateway) {
  const { origin } = gateway;
  const answer = await fetch(`${origin}/api/auth/app-passwords`, {
    method: 'POST',
    headers: { ...gateway.headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ label: 'bench' }),
  });
  if (!answer.ok) throw new Error(`making an app password was answered ${answer.status}`);
  const { username, password } = await answer.json();
  const headers = { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  return {
    name: 'webdav',
    pid: gateway.pid,
    origin,
    headers,
    path: (name) => `/dav/by-webdav-${name}`,
    makeFolder: (name) => makeFolder(`${origin}/dav/by-webdav-${name}/`, headers),
    stop: async () => {},
  };
}

async function makeFolder(url, headers) {
  const { status } = await fetch(url, { method: 'MKCOL', headers });
  if (status !== 201) throw new Error(`MKCOL was answered ${status}`);
}
