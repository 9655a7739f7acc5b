import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, plainEnvironment, start, untilAnswered } from '../processes.mjs';

/** See bare-server.mjs. */
export async function startBare(place) {
  const folder = join(place, 'bare');
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const server = start(process.execPath, [join(import.meta.dirname, 'bare-server.mjs'), folder, String(port)], {
    env: plainEnvironment(),
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilAnswered(`${origin}/`, server);
  return {
    name: 'bare',
    pid: server.child.pid,
    origin,
    headers: {},
    path: (name) => `/${encodeURIComponent(name)}`,
    makeFolder: async () => {},
    stop: () => server.stop(),
  };
}
