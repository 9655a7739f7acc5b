// Searches among a million files: node bench/search.mjs postgres://…  An empty database of its own, which it fills; built code.
// The rows have no seals, so what is timed is the database's part: finding a page of 100 and the path of each hit.
import { openDatabase } from '../dist/src/database/open-database.js';
import { presentPlaces } from '../dist/src/files/changes.store.js';
import { Search } from '../dist/src/files/search.js';

const FILES = 1_000_000;
const FOLDERS = 1_000;
const ROUNDS = 7;
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

const QUERIES = [
  ['a common part of a name', { name: 'invoice' }],
  ['a very common one', { name: '.jpg' }],
  ['a rare one', { name: '77345' }],
  ['two letters that nothing has', { name: 'zq' }],
  ['one letter', { name: 'e' }],
  ['letters that many have, in an order that few have', { name: 'oice-voi' }],
  ['a part that comes late in the order', { name: 'winter-' }],
  ['a beginning', { prefix: 'inv' }],
  ['the newest', {}],
  ['the largest', { sort: 'largest' }],
  ['a kind of type', { contentType: 'image/*' }],
  ['a type that nothing has', { contentType: 'none/such' }],
  ['a narrow range of sizes', { minSize: 1000, maxSize: 2000 }],
  ['an hour', { modifiedAfter: '2022-03-01T00:00:00Z', modifiedBefore: '2022-03-01T01:00:00Z' }],
  ['a common name and the largest sizes', { name: 'invoice', minSize: 2_000_000_000 }],
  ['a very common name and a rare size', { name: '.jpg', minSize: 2_140_000_000 }],
  [
    'a common name and a month',
    { name: 'winter', modifiedAfter: '2021-03-01T00:00:00Z', modifiedBefore: '2021-04-01T00:00:00Z' },
  ],
  ['a rare name, the newest first', { name: '77345', sort: 'newest' }],
  ['a common name and a type, the newest first', { name: 'invoice', contentType: 'application/pdf', sort: 'newest' }],
  ['folders', { type: 'folder', sort: 'name' }],
];

const database = await openDatabase({ connectionString: process.argv[2] }, { connections: 2, waitSeconds: 10 });
const [{ files }] = await database.query(`select count(*) as files from nodes where account = $1`, [ACCOUNT]);
if (files === 0) await fill();
const search = new Search(database, {});
for (const [what, query] of QUERIES) {
  const times = [];
  let found = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    found = await look(query);
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  const [median, worst] = [times[ROUNDS >> 1], times.at(-1)].map((ms) => ms.toFixed(0).padStart(5));
  console.log(`${what.padEnd(52)} ${String(found).padStart(4)} hits ${median} ms, at worst ${worst}`);
}
await database.close();

async function look({ sort, ...sought }) {
  const order = sort ?? (sought.name === undefined && sought.prefix === undefined ? 'newest' : 'name');
  const rows = await search.find(ACCOUNT, sought, { order, after: null, most: 101 });
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
      `insert into nodes (account, id, parent, kind, name, name_key, head, modified_at)
       select $1, node, ${id(1, `1 + i % ${FOLDERS}`)}, 'file', name, name, version, at from seeds`,
      [ACCOUNT],
    );
  });
  await database.query('vacuum analyze nodes');
  await database.query('vacuum analyze versions');
}

function id(kind, number) {
  return `('01900000-0000-700${kind}-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
}
