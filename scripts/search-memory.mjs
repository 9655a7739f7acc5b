// The memory bound at its promised size: 16 uploads of 1 GiB at once. What `npm test` does with less.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/memory-bound.spec.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TESSERA_SEARCH: 'all' },
});
process.exit(status ?? 1);
