// Searches among a million files: node bench/search.mjs postgres://…  An empty database of its own, which it fills; built code.
// The rows have no seals, so what is timed is the database's part: finding a page of 100 and the path of each hit.
import { readFileSync } from 'node:fs';
import { openDatabase } from '../dist/src/database/open-database.js';
import { presentPlaces } from '../dist/src/files/changes.store.js';
import { Search } from '../dist/src/files/search.js';

const FILES = 1_000_000;
const FOLDERS = 1_000;
const ROUNDS = 5;
const ACCOUNT = '01900000-0000-7000-8000-000000000001';
const WORDS =
  'report invoice holiday photo budget summer winter letter draft final contract meeting notes recipe garden school music album backup scan receipt tax insurance travel berlin paris london house car project alpha beta gamma client offer order delivery plan sketch design logo video clip audio voice memo diary family wedding birthday';
const TYPES = {
  jpg: 'image/jpeg',
  pdf: 'application/pdf',
  txt: 'text/plain',
  docx: 'application/vnd.openxmlformats',
  mp4: 'video/mp4',
  png: 'image/png',
};

/** One of each form: a few that differ in what they ask for, so that no cache answers. */
const QUERIES = [
  ['a common part of a name', (i) => ({ name: word(i) })],
  ['a very common one', (i) => ({ name: ['.jpg', '.pdf', '.txt', '.mp4', '.png'][i % 5] })],
  ['a rare one', (i) => ({ name: String(77_345 + i * 911) })],
  ['two letters that nothing has', (i) => ({ name: ['zq', 'qz', 'xq', 'wq', 'qk'][i % 5] })],
  ['one letter', (i) => ({ name: 'etaoi'[i % 5] })],
  ['two letters', (i) => ({ name: ['in', 'er', 'ho', 'le', 'ta'][i % 5] })],
  [
    'letters that many have, in an order that few have',
    (i) => ({ name: ['oice-voi', 'ecei-rece', 'vel-pho', 'ign-cli', 'ate-inv'][i % 5] }),
  ],
  [
    'a part that comes late in the order',
    (i) => ({ name: ['winter-', 'wedding-', 'voice-', 'video-', 'travel-'][i % 5] }),
  ],
  ['a beginning', (i) => ({ prefix: word(i).slice(0, 3) })],
  ['a beginning of one letter', (i) => ({ prefix: 'bdprw'[i % 5] })],
  ['the newest', () => ({})],
  ['the largest', () => ({ sort: 'largest' })],
  ['folders', () => ({ type: 'folder', sort: 'name' })],
  ['a kind of type', (i) => ({ contentType: ['image/*', 'video/*', 'text/*', 'application/*', 'image/png'][i % 5] })],
  ['a type that nothing has', () => ({ contentType: 'none/such' })],
  ['a narrow range of sizes', (i) => ({ minSize: i * 10_000, maxSize: i * 10_000 + 1000 })],
  ['an hour', (i) => span(i, 1 / 24)],
  ['a year', (i) => span(i, 365)],
  ['name and the largest sizes', (i) => ({ name: word(i), minSize: 2_000_000_000 })],
  ['name and a rare size', (i) => ({ name: '.jpg', minSize: 2_140_000_000 + i * 100_000 })],
  ['name and a month', (i) => ({ name: word(i), ...span(i, 30) })],
  ['name and a month, the newest first', (i) => ({ name: word(i), ...span(i, 30), sort: 'newest' })],
  ['name and type', (i) => ({ name: word(i), contentType: 'application/pdf' })],
  [
    'name and type that never meet',
    (i) => ({
      name: '.jpg',
      contentType: ['video/mp4', 'text/plain', 'image/png', 'application/pdf', 'video/*'][i % 5],
    }),
  ],
  ['name and type, the newest first', (i) => ({ name: word(i), contentType: 'application/pdf', sort: 'newest' })],
  ['rare name, the newest first', (i) => ({ name: String(77_345 + i * 911), sort: 'newest' })],
  ['one letter, type and a day', (i) => ({ name: 'etaoi'[i % 5], contentType: 'image/*', ...span(i, 1) })],
  ['prefix and size', (i) => ({ prefix: word(i), minSize: 2_000_000_000 })],
  ['prefix, type and a month', (i) => ({ prefix: word(i), contentType: 'image/jpeg', ...span(i, 30) })],
  [
    'type and a range of sizes',
    (i) => ({ contentType: 'video/*', minSize: i * 1_000_000, maxSize: i * 1_000_000 + 500_000 }),
  ],
  ['type and a month, the largest first', (i) => ({ contentType: 'video/*', ...span(i, 30), sort: 'largest' })],
  ['size and a month, by name', (i) => ({ minSize: 1_000_000_000, ...span(i, 30), sort: 'name' })],
  ['all of them', (i) => ({ name: word(i), contentType: 'image/*', minSize: 1_000_000_000, ...span(i, 200) })],
  [
    'all of them, half of everything each',
    (i) => ({ name: 'e', type: 'file', maxSize: 1_000_000_000, ...span(i, 1200), sort: 'largest' }),
  ],
];

const database = await openDatabase({ connectionString: process.argv[2] }, { connections: 2, waitSeconds: 10 });
const [{ files }] = await database.query(`select count(*) as files from nodes where account = $1`, [ACCOUNT]);
if (files === 0) await fill();
const search = new Search(database, {});
const only = process.argv[3] ?? '';
console.log(`${''.padEnd(52)} hits  median ms  worst ms  processor ms (median, worst)`);
for (const [what, queryOf] of QUERIES.filter(([what]) => what.includes(only))) {
  const [times, busy] = [[], []];
  let found = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const [cpu, begin] = [await processorMs(), performance.now()];
    found = await look(queryOf(round % 5));
    times.push(performance.now() - begin);
    busy.push((await processorMs()) - cpu);
  }
  const shown = [times, busy].flatMap((all) => [all.toSorted((a, b) => a - b)[ROUNDS >> 1], Math.max(...all)]);
  const [median, worst, cpu, most] = shown.map((ms) => ms.toFixed(0).padStart(9));
  console.log(`${what.padEnd(52)} ${String(found).padStart(4)} ${median} ${worst} ${cpu} ${most}`);
}
await database.close();

function word(i) {
  return WORDS.split(' ')[(i * 11 + 1) % 50];
}

function span(i, days) {
  const from = Date.UTC(2020, 3 + i * 7, 3);
  const [modifiedAfter, modifiedBefore] = [from, from + days * 86_400_000].map((at) => new Date(at).toISOString());
  return { modifiedAfter, modifiedBefore };
}

/** What the database's processes have used: on a machine that does other things too, this tells more than the clock. */
async function processorMs() {
  const rows = await database.query(`select pid from pg_stat_activity where datname = current_database()`);
  return rows.reduce((sum, { pid }) => {
    try {
      const [user, system] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ').slice(11, 13);
      return sum + (Number(user) + Number(system)) * 10;
    } catch {
      return Number.NaN;
    }
  }, 0);
}

/** A page; or the one after it. */
async function look({ sort, ...sought }, second) {
  const order = sort ?? (sought.name === undefined && sought.prefix === undefined ? 'newest' : 'name');
  let after = null;
  if (second) {
    const last = (await search.find(ACCOUNT, sought, { order, after, most: 101 })).at(-1);
    after = last ? { key: last.sort_key, id: last.id } : null;
  }
  const rows = await search.find(ACCOUNT, sought, { order, after, most: 101 });
  await presentPlaces(
    database,
    ACCOUNT,
    rows.map(({ id }) => id),
  );
  return rows.length;
}

async function fill() {
  await database.tx(async (sql) => {
    // Rows without what they hang on, and without the notes that triggers take of them.
    await sql.query(`set local session_replication_role = replica`);
    await sql.query(`insert into nodes (account, id, kind, name, name_key) values ($1, $1, 'folder', '', '')`, [
      ACCOUNT,
    ]);
    await sql.query(
      `insert into nodes (account, id, parent, kind, name, name_key)
       select $1::uuid, ${id(1, 'i')}, $1::uuid, 'folder', 'folder ' || i, 'folder ' || i from generate_series(1, ${FOLDERS}) i`,
      [ACCOUNT],
    );
    const random = (salt, below) => `(hashint4(i + ${salt}) & 2147483647) % ${below}`;
    const words = `(string_to_array('${WORDS}', ' '))`;
    const [names, types] = [Object.keys(TYPES), Object.values(TYPES)].map((all) => `(array['${all.join(`','`)}'])`);
    await sql.query(
      `create temp table seeds on commit drop as select i, ${id(2, 'i')} as node, ${id(3, 'i')} as version,
         ${words}[1 + ${random(0, 50)}] || '-' || ${words}[1 + ${random(7, 50)}] || ' ' || i || '.' || ${names}[1 + ${random(3, 6)}] as name,
         ${types}[1 + ${random(3, 6)}] as type, (hashint4(i + 11) & 2147483647)::bigint as size,
         timestamptz '2020-01-01' + make_interval(secs => ${random(13, 200_000_000)}) as at
       from generate_series(1, ${FILES}) i`,
    );
    await sql.query(
      `insert into versions (account, id, file, number, content, size, content_type, modified_at, created_at, account_key, mac, sealed_sha256)
       select $1, version, node, 1, version, size, type, at, at, node, decode(repeat('00', 32), 'hex'), '' from seeds`,
      [ACCOUNT],
    );
    await sql.query(
      `insert into nodes (account, id, parent, kind, name, name_key, head, modified_at, head_size, head_type, head_modified_at)
       select $1, node, ${id(1, `1 + i % ${FOLDERS}`)}, 'file', name, name, version, at, size, type, at from seeds`,
      [ACCOUNT],
    );
  });
  await database.query('vacuum analyze nodes');
  await database.query('vacuum analyze versions');
}

function id(kind, number) {
  return `('01900000-0000-700${kind}-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
}
