import { randomBytes } from 'node:crypto';
import { tableCode } from '../contenders/table-code.mjs';

const MEGABYTE = 1e6;
const CHUNK = 8 * 2 ** 20;
/** What the library works on at a time, for each data shard. */
const SLICE = 128 * 1024;
const LIBRARY = '@subspace/reed-solomon-erasure.wasm';
const CODES = [
  { data: 2, parity: 1 },
  { data: 4, parity: 2 },
  { data: 10, parity: 4 },
];
const BAR = { least: 1000 };

/** On one core: megabytes of chunk for each second of CPU, copies in and out counted. */
export async function erasure({ sizes, rounds }) {
  const shards = await import('../../dist/libs/dispersal/index.js');
  const library = await import(LIBRARY).catch(() => null);
  const rows = [];
  for (const counts of CODES) {
    const given = chunkOf(shards.ErasureCode.of(counts));
    const measure = (works) => inTurns(works, given.length, { rounds, seconds: sizes.erasureSeconds });
    const name = `${counts.data}+${counts.parity}`;
    const encode = await measure({ gateway: encoder(given), bare: plainEncoder(given) });
    rows.push({ what: `${name}: encode, MB/s`, found: encode, must: BAR });
    for (const lost of new Set([1, counts.parity])) {
      const found = await measure({ gateway: recoverer(given, shards, lost) });
      rows.push({ what: `${name}: bring back ${lost}, MB/s`, found, must: BAR });
    }
    const digest = await measure({ gateway: () => shards.digestShards(given.code, given.source) });
    rows.push({ what: `${name}: encode and digest, MB/s`, found: digest });
    if (library) await besideIt(library.ReedSolomonErasure, name, given, sizes.erasureSeconds);
  }
  return rows.map((row) => ({ ...row, of: (value) => value, digits: 0, more: true }));
}

function chunkOf(code) {
  const shardLength = Math.floor(CHUNK / code.data);
  const length = shardLength * code.data;
  const bytes = randomBytes(length);
  const data = Array.from({ length: code.data }, (_, nth) =>
    bytes.subarray(nth * shardLength, (nth + 1) * shardLength),
  );
  const source = { length, pieces: (part) => [bytes.subarray(part.offset, part.offset + part.length)] };
  return { code, length, shardLength, data, source, all: [...data, ...code.parityOf(data)] };
}

function encoder({ code, data, shardLength }) {
  const outputs = Array.from({ length: code.parity }, () => Buffer.alloc(SLICE));
  return () => {
    for (let from = 0; from < shardLength; from += SLICE) {
      const to = Math.min(from + SLICE, shardLength);
      const into = outputs.map((output) => output.subarray(0, to - from));
      code.parityOf(
        data.map((shard) => shard.subarray(from, to)),
        { into },
      );
    }
  };
}

function plainEncoder({ code, data, shardLength, all }) {
  const unit = (column, byte) =>
    code.parityOf(data.map((_, index) => Buffer.of(index === column ? byte : 0))).map(([value]) => value);
  const outputs = Array.from({ length: code.parity }, () => Buffer.alloc(shardLength));
  const plain = tableCode(unit, code.data, code.parity);
  plain.encode(data, outputs);
  if (!outputs.every((output, index) => output.equals(all[code.data + index]))) throw new Error('The codes differ.');
  return () => plain.encode(data, outputs);
}

function recoverer({ code, all }, { recoverPieces }, lost) {
  const present = new Map(all.map((shard, index) => [index, [shard]]).slice(lost));
  const wanted = all.map((_, index) => index).slice(0, lost);
  return async () => {
    for await (const step of recoverPieces(code, present, wanted))
      if (step.length !== lost) throw new Error('Too few.');
  };
}

async function inTurns(works, length, { rounds, seconds }) {
  const found = Object.fromEntries(Object.keys(works).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) found[name].push(await rate(work, length, seconds));
  }
  return found;
}

async function rate(work, length, seconds) {
  await work();
  const before = process.cpuUsage();
  let done = 0;
  do {
    await work();
    done += length;
  } while (cpuSince(before) < seconds);
  return done / MEGABYTE / cpuSince(before);
}

function cpuSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** The library keeps all shards in one array and works in place. */
async function besideIt(Library, name, { code: { data, parity }, all, length }, seconds) {
  const library = await Library.fromCurrentDirectory();
  const whole = Buffer.concat(all);
  const available = all.map((_, shard) => shard > 0);
  const tell = async (what, work) => {
    const told = await rate(work, length, seconds).then(
      (found) => `${found.toFixed(0)} MB/s`,
      (error) => `failed: ${error.message}`,
    );
    console.log(`  ${LIBRARY}: ${name}: ${what}, ${told}`);
  };
  await tell('encode', () => library.encode(whole, data, parity));
  console.log(`  ${LIBRARY}: ${name}: ${whole.equals(Buffer.concat(all)) ? 'the same' : 'another'} parity`);
  await tell('bring back 1', () => library.reconstruct(whole, data, parity, available));
}
