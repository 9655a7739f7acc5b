// Two hundred rounds of eight gateways that all want a new token at once, on one Postgres and one Redis that is emptied and killed meanwhile: what `npm test` samples.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/token-races.spec.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TESSERA_SEARCH: 'all' },
});
process.exit(status ?? 1);
