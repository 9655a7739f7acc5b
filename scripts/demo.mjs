// The gateway with stand-ins for Google and Microsoft, for whoever has no OAuth application there: everything can be
// clicked through, nothing leaves this machine, and nothing is left when it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { buildIfStale } from './build.mjs';

const root = join(import.meta.dirname, '..');
const port = process.env.PORT ?? '8080';
const email = 'demo@example.org';
const password = 'try it without fear';

buildIfStale();
const { startGoogle } = await double('google');
const { startMicrosoftDouble } = await double('microsoft');
const [google, microsoft] = [await startGoogle(), await startMicrosoftDouble()];
const data = mkdtempSync(join(tmpdir(), 'tessera-demo-'));
const gateway = spawn(
  process.execPath,
  ['--max-old-space-size=400', '--max-semi-space-size=4', join(root, 'scripts', 'start.mjs')],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      PORT: port,
      TESSERA_DATA: data,
      TESSERA_ADMIN_EMAIL: email,
      TESSERA_ADMIN_PASSWORD: password,
      TESSERA_GOOGLE_ORIGIN: google.origin,
      GOOGLE_CLIENT_ID: google.clientId,
      GOOGLE_CLIENT_SECRET: google.clientSecret,
      TESSERA_MICROSOFT_ORIGIN: microsoft.origin,
      MICROSOFT_CLIENT_ID: microsoft.clientId,
      MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gateway.kill('SIGTERM'));
void tellWhenReady();

const [code] = await once(gateway, 'exit');
await Promise.all([google.stop(), microsoft.stop()]);
rmSync(data, { recursive: true, force: true });
process.exit(code ?? 1);

/** The doubles are written in TypeScript, for the tests; here they are bundled once per start. */
async function double(name) {
  const folder = join(root, 'node_modules', '.cache', 'demo');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}-${process.pid}.mjs`);
  const bundle = await rolldown({
    input: join(root, 'test', 'doubles', name, 'index.ts'),
    platform: 'node',
    external: /^node:/,
    resolve: { conditionNames: ['source', 'import', 'node'] },
    logLevel: 'warn',
  });
  await bundle.write({ file, format: 'esm' });
  await bundle.close();
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(file, { force: true });
  }
}

async function tellWhenReady() {
  const ready = `http://127.0.0.1:${port}/api/health/ready`;
  while (gateway.exitCode === null) {
    const answer = await fetch(ready).catch(() => null);
    if (answer?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (gateway.exitCode !== null) return;
  console.log(`
A demonstration: Google and Microsoft are stand-ins on this machine, and all of it is gone when you press Ctrl-C.

  Your clouds   http://localhost:${port}/clouds
  Sign in as    ${email}
  Password      ${password}
`);
}
