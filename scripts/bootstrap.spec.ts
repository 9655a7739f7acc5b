import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let checkout: string;
let gateway: ChildProcess | undefined;

/** A checkout whose npm writes down that it was called, and ends as it is told. */
beforeEach(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'tessera-checkout-'));
  await mkdir(join(checkout, 'scripts'));
  await mkdir(join(checkout, 'node_modules'));
  for (const script of ['bootstrap.mjs', 'one-at-a-time.mjs', 'running.mjs']) {
    await cp(join(import.meta.dirname, script), join(checkout, 'scripts', script));
  }
  await writeFile(join(checkout, 'package-lock.json'), '{}');
  await writeFile(join(checkout, 'npm.cjs'), `console.log('npm runs'); process.exit(Number(process.env.NPM_ENDS));`);
  const idling = `import { markRunning } from './running.mjs'; markRunning(); console.log('runs'); setInterval(() => {}, 1000);`;
  await writeFile(join(checkout, 'scripts', 'start.mjs'), idling);
});
afterEach(async () => {
  gateway?.kill('SIGKILL');
  await rm(checkout, { recursive: true, force: true });
});

function bootstrap(npmEnds = 0) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(checkout, 'scripts', 'bootstrap.mjs')], {
    env: {
      PATH: process.env['PATH'],
      npm_node_execpath: process.execPath,
      npm_execpath: join(checkout, 'npm.cjs'),
      NPM_ENDS: String(npmEnds),
    },
    encoding: 'utf8',
  });
  return { status, installed: stdout.includes('npm runs'), said: stderr };
}

async function startGateway(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(checkout, 'scripts', 'start.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  return child;
}

it('installs once, and again only when the lock file changes', async () => {
  expect(bootstrap()).toMatchObject({ status: 0, installed: true });
  expect(bootstrap()).toMatchObject({ status: 0, installed: false });
  await writeFile(join(checkout, 'package-lock.json'), '{ }');
  expect(bootstrap()).toMatchObject({ status: 0, installed: true });
});

it('takes no modules from a gateway that runs, says which one, and installs when it has ended or was killed', async () => {
  gateway = await startGateway();
  const refused = bootstrap();
  expect(refused).toMatchObject({ status: 1, installed: false });
  expect(refused.said).toContain(`(process ${gateway.pid})`);
  gateway.kill('SIGKILL');
  await once(gateway, 'close');
  expect(bootstrap()).toMatchObject({ status: 0, installed: true });
  expect(await readdir(join(checkout, '.tessera', 'running'))).toEqual([]);
});

it('says that what a failed install leaves is not whole, and installs anew the next time', () => {
  const failed = bootstrap(1);
  expect([failed.status, failed.said.includes('node_modules is not whole now')]).toEqual([1, true]);
  expect(bootstrap()).toMatchObject({ status: 0, installed: true });
});
