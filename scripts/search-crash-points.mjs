// The gateway killed at every boundary between it, its database, its disk and its client: what `npm test` samples.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const report = join(root, '.tessera', 'crash-report.json');
mkdirSync(dirname(report), { recursive: true });
rmSync(report, { force: true });

const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/killed-mid-request.spec.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TESSERA_SEARCH: 'all', TESSERA_SEARCH_REPORT: report },
});

const OUTCOMES = ['not done', 'done, unsaid', 'acknowledged', 'not reached'];
const rows = Object.entries(JSON.parse(readFileSync(report, 'utf8'))).map(([scenario, verdicts]) => {
  const counts = OUTCOMES.map((outcome) => verdicts.filter((verdict) => verdict.outcome === outcome).length);
  return [scenario, verdicts.length, ...counts, verdicts.filter(({ complaints }) => complaints.length > 0).length];
});
const sums = Array.from({ length: OUTCOMES.length + 2 }, (_, column) =>
  rows.reduce((sum, row) => sum + row[column + 1], 0),
);
const total = ['altogether', ...sums];
for (const row of [['', 'boundaries', ...OUTCOMES, 'broken'], ...rows, total]) {
  console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(46) : String(cell).padStart(14))).join(''));
}
console.log(`killed at ${total[1] - total[5]} boundaries, ${total[6]} broken, ${total[5]} not reached`);
process.exit(status ?? 1);
