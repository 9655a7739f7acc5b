import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, plainEnvironment, start, untilAnswered } from '../processes.mjs';

const ROOT = join(import.meta.dirname, '..', '..');
const ACCOUNT = { email: 'bench@example.org', password: 'as good as any, for once' };

async function startFlags() {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

/** The gateway as `npm start` runs it, with its embedded database and its first vault in one folder. */
export async function startGateway(place) {
  const folder = join(place, 'gateway');
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const gateway = start(process.execPath, [...(await startFlags()), join(ROOT, 'scripts', 'start.mjs')], {
    cwd: ROOT,
    env: plainEnvironment(gatewaySettings(folder, port)),
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilAnswered(`${origin}/api/health/ready`, gateway);
  const { token, account } = await signIn(origin);
  return {
    name: 'gateway',
    pid: gateway.child.pid,
    origin,
    headers: { Authorization: `Bearer ${token}` },
    folder,
    account: account.id,
    path: (name) => `/api/content/${name}`,
    makeFolder: async () => {},
    stop: () => gateway.stop(),
  };
}

export function gatewaySettings(folder, port) {
  return {
    PORT: String(port),
    TESSERA_DATA: folder,
    TESSERA_ADMIN_EMAIL: ACCOUNT.email,
    TESSERA_ADMIN_PASSWORD: ACCOUNT.password,
    TESSERA_LOG_LEVEL: 'warn',
  };
}

async function signIn(origin) {
  const answer = await fetch(`${origin}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(ACCOUNT),
  });
  if (!answer.ok) throw new Error(`signing in was answered ${answer.status}`);
  return answer.json();
}
