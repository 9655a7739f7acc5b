// Formatting, lint, types, the house's own rules, the printed documentation: all of them, and all complaints at once.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname);
const tool = (path) => [process.execPath, join(root, 'node_modules', path)];

const checks = [
  ['lint', [...tool('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings', '--quiet']],
  ['types', [...tool('typescript/bin/tsc'), '--noEmit']],
  ['formatting', [...tool('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '--cache', '.']],
  ['rules of the house', [process.execPath, join(root, 'scripts/check/rules.mjs')]],
  ['docs/configuration.md', [process.execPath, join(root, 'scripts/print-configuration.mjs'), '--check']],
];

let failures = 0;
const waiting = [...checks];
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
process.exit(failures === 0 ? 0 : 1);

async function work() {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const [name, command] = check;
    const { code, output, seconds } = await run(command);
    if (code !== 0) failures += 1;
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
    if (code !== 0) console.log(output.trimEnd());
  }
}

function run([command, ...args]) {
  const begin = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('close', (code) => resolve({ code, output, seconds: (performance.now() - begin) / 1000 }));
  });
}
