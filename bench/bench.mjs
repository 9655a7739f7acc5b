// npm run bench [-- [--quick] [--rounds N] [--disk FOLDER] [row …]]
//
// Measures the gateway beside a bare Node pipeline and rclone, and prints one table. docs/benchmarks.md says what each row
// is and what it must reach.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rcloneVersion } from './contenders/rclone.mjs';
import { freeBytes, openPlace, touchMemory } from './places.mjs';
import { erasure } from './rows/erasure.mjs';
import { listing } from './rows/listing.mjs';
import { largeUploads, manyUploads } from './rows/memory.mjs';
import { reading } from './rows/reading.mjs';
import { spread } from './rows/spread.mjs';
import { startUp } from './rows/start-up.mjs';
import { download, ranges, smallFiles, upload } from './rows/transfers.mjs';
import { tableOf } from './table.mjs';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const FULL = {
  large: GIB,
  warmUp: 128 * MIB,
  ranges: 1000,
  entries: 100_000,
  smallFiles: 2000,
  manyUploads: { count: 1000, length: MIB },
  largeUploads: { count: 16, length: GIB },
  erasureSeconds: 0.5,
};
const QUICK = {
  large: 128 * MIB,
  warmUp: 16 * MIB,
  ranges: 200,
  entries: 5000,
  smallFiles: 400,
  manyUploads: { count: 200, length: MIB },
  largeUploads: { count: 4, length: 128 * MIB },
  erasureSeconds: 0.2,
};
/** What all rounds leave behind, at the most at one time. */
const ROOM_NEEDED = { memory: 13 * GIB, disk: 20 * GIB };

const SECTIONS = [
  { name: 'erasure', where: 'memory', run: erasure },
  { name: 'reading', where: 'memory', run: reading },
  { name: 'upload', where: 'memory', large: true, run: upload },
  { name: 'download', where: 'memory', large: true, run: download },
  { name: 'range', where: 'memory', large: true, run: ranges },
  { name: 'spread', where: 'memory', large: true, run: spread },
  { name: 'listing', where: 'memory', run: listing },
  { name: 'small-files', where: 'memory', run: smallFiles },
  { name: 'memory', where: 'memory', run: manyUploads },
  { name: 'small-files', where: 'disk', run: smallFiles },
  { name: 'memory', where: 'disk', run: largeUploads },
  { name: 'start-up', where: 'disk', run: startUp },
];

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    disk: { type: 'string', default: '/var/tmp' },
  },
});
const unknown = wanted.filter((name) => !SECTIONS.some((section) => section.name === name));
if (unknown.length > 0)
  stopWith(`There is no row ${unknown}; there are ${[...new Set(SECTIONS.map(({ name }) => name))]}.`);
if (process.platform !== 'linux') stopWith('The bench reads /proc, which only Linux has.');

const FOLDERS = { memory: '/dev/shm', disk: options.disk };
const sizes = options.quick ? QUICK : FULL;
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));

const begin = performance.now();
const head = conditions();
console.log(`${head}\n`);
const rows = [];
for (const where of ['memory', 'disk']) await runAll(where);
const table = `${head}\n\n${tableOf(rows)}\n`;
console.log(`\n${tableOf(rows)}\n\n${((performance.now() - begin) / 1000).toFixed(0)} s`);
const results = join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
writeFileSync(join(results, 'latest.md'), table);

async function runAll(where) {
  const sections = SECTIONS.filter(
    (section) => section.where === where && (wanted.length === 0 || wanted.includes(section.name)),
  );
  if (sections.length === 0) return;
  if (!options.quick && (await freeBytes(FOLDERS[where])) < ROOM_NEEDED[where])
    stopWith(`${FOLDERS[where]} has less than ${ROOM_NEEDED[where] / GIB} GiB free.`);
  if (sections.some(({ large }) => large)) await touchMemory(FOLDERS.memory, 7 * sizes.large);
  const place = await openPlace(FOLDERS[where]);
  try {
    for (const { name, run } of sections) {
      console.log(`${name} (${FOLDERS[where]}) …`);
      const failed = (error) => {
        console.error(error);
        return [{ what: `${name} in ${FOLDERS[where]}`, failure: 'failed, see above' }];
      };
      rows.push(...(await run({ place, sizes, rounds, where: `in ${FOLDERS[where]}` }).catch(failed)));
    }
  } finally {
    await place.close();
  }
}

function conditions() {
  const [{ model }] = cpus();
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / GIB)} GiB`,
    `Node ${process.versions.node}, ${rcloneVersion() ?? 'no rclone'}, load before ${loadavg()[0].toFixed(2)}`,
    `\`npm run bench${[...process.argv.slice(2)].length > 0 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}\``,
  ].join('; ');
}

function stopWith(message) {
  console.error(message);
  process.exit(1);
}
