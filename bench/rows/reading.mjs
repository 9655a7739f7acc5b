import { randomBytes } from 'node:crypto';

const CHUNK = 8 * 2 ** 20;
/** What a download reads at a time. */
const BATCH = 2 ** 20;
const GIB = 2 ** 30;
const SPREADS = [
  { data: 1, parity: 0 },
  { data: 1, parity: 1 },
  { data: 2, parity: 1 },
  { data: 4, parity: 2 },
];

/** What reading out of shards costs while every place is quick, beside taking the same bytes from the places themselves. */
export async function reading({ sizes, rounds }) {
  const parts = await Promise.all(
    [
      'src/transfers/shard-reader.js',
      'src/transfers/hedging.js',
      'src/connections/usual-times.js',
      'src/health/index.js',
      'libs/chunks/index.js',
      'libs/dispersal/index.js',
    ].map((path) => import(`../../dist/${path}`)),
  );
  const gateway = Object.assign({}, ...parts);
  const rows = [];
  for (const spread of SPREADS) {
    const works = await worksFor(gateway, spread);
    const found = { gateway: [], bare: [] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, work] of Object.entries(works)) found[name].push(await cost(work, sizes.erasureSeconds));
    }
    const what = `read shards of ${spread.data}+${spread.parity}, all quick, CPU ms per GiB`;
    rows.push({ what, found, of: (value) => value, digits: 0, must: { below: 100 } });
  }
  return rows;
}

async function worksFor(gateway, spread) {
  const code = gateway.ErasureCode.of(spread);
  const bytes = randomBytes(CHUNK);
  const source = { length: CHUNK, pieces: ({ offset, length }) => [bytes.subarray(offset, offset + length)] };
  const shards = [];
  for (let shard = 0; shard < code.shards; shard++) {
    const pieces = [];
    for await (const piece of gateway.shardPieces(code, source, shard)) pieces.push(Buffer.from(piece));
    shards.push(Buffer.concat(pieces));
  }
  const places = shards.map((shard) => ({
    async *get(_, { offset, length }) {
      yield await Promise.resolve(shard.subarray(offset, offset + length));
    },
  }));
  const rows = shards.map(({ length }, shard) => {
    const lies = { connection: String(shard), name: 'blob', state: 'live', fault: null };
    return { shard, shard_offset: 0, shard_length: length, digest: null, ...lies };
  });
  const budgets = { downloads: new gateway.ByteBudget(GIB) };
  const reader = new gateway.ShardReader({
    spread,
    provider: async (connection) => places[Number(connection)],
    shunned: () => false,
    onFault: () => {},
    hedging: new gateway.Hedging(new gateway.UsualTimes(), budgets, new gateway.Metrics()),
  });
  const chunk = { rows, failed: new Map() };
  return {
    gateway: async (at) => taken(reader.read(chunk, CHUNK, { offset: at, length: BATCH }, BATCH)),
    bare: async (at) => {
      const length = shards[0].length;
      for (let from = at; from < at + BATCH;) {
        const shard = Math.floor(from / length);
        const to = Math.min(at + BATCH, (shard + 1) * length);
        await taken(places[shard].get('blob', { offset: from - shard * length, length: to - from }));
        from = to;
      }
    },
  };
}

async function taken(pieces) {
  for await (const piece of pieces) if (piece.length === 0) throw new Error('Nothing came.');
}

/** Milliseconds of CPU for each GiB. */
async function cost(work, seconds) {
  const whole = async () => {
    for (let at = 0; at < CHUNK; at += BATCH) await work(at);
  };
  for (let nth = 0; nth < 50; nth++) await whole();
  const before = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  let read = 0;
  do {
    await whole();
    read += CHUNK;
  } while (spent() < seconds);
  return (spent() * 1000 * GIB) / read;
}
