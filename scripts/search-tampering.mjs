// Every single bit of a small file's blobs and seals flipped, and every cut, through the running gateway: what `npm test` samples.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', 'test/tampered-blob.spec.ts', 'test/tampered-row.spec.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TESSERA_SEARCH: 'all' },
  },
);
process.exit(status ?? 1);
