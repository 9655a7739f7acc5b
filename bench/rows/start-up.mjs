import { join } from 'node:path';
import { gatewaySettings } from '../contenders/gateway.mjs';
import { cpuSecondsOfTree, freePort, plainEnvironment, start, untilAnswered } from '../processes.mjs';

const ROOT = join(import.meta.dirname, '..', '..');

/** From `npm start`, typed in a shell, to the first good answer of the readiness check; the database is there already. */
export async function startUp({ place, rounds }) {
  const [{ folder }] = await place.contenders(['gateway']);
  await place.stop('gateway');
  const found = { gateway: [] };
  for (let round = 0; round < rounds; round++) found.gateway.push(await startOnce(folder));
  return [
    { what: '`npm start` to ready, wall s', found, of: (one) => one.seconds, must: { below: 4 } },
    { what: '`npm start` to ready, CPU s', found, of: (one) => one.cpu },
  ];
}

async function startOnce(folder) {
  const port = await freePort();
  const begin = performance.now();
  const npm = start('npm', ['start'], { cwd: ROOT, env: plainEnvironment(gatewaySettings(folder, port)) });
  try {
    await untilAnswered(`http://127.0.0.1:${port}/api/health/ready`, npm);
    return { seconds: (performance.now() - begin) / 1000, cpu: cpuSecondsOfTree(npm.child.pid) };
  } finally {
    await npm.stop();
  }
}
