import { inTurns, measure, quantile } from '../measure.mjs';
import { numbersBelow, sha256Of } from '../test-bytes.mjs';

const LARGE = 'large.bin';
const RANGE = 64 * 1024;

/** One large file up, by one client. */
export async function upload({ place, sizes, rounds }) {
  const contenders = await place.contenders();
  for (const contender of contenders) await put(contender, 'warm-up.bin', sizes.warmUp);
  const found = await inTurns(contenders, rounds, (contender) => put(contender, LARGE, sizes.large));
  return [
    { what: 'upload, CPU s', found, of: (one) => one.cpu, must: { bare: 1.3, rclone: 0.6, webdav: 1.1 } },
    { what: 'upload, wall s', found, of: (one) => one.seconds },
    { what: 'upload, peak MB', found, of: (one) => one.peak, digits: 0 },
  ];
}

/** The same file down. Before it is measured, what comes is compared with what was stored. */
export async function download({ place, sizes, rounds }) {
  const contenders = await place.contenders();
  const sha256 = sha256Of(sizes.large);
  for (const contender of contenders) {
    await store(contender, sizes.large);
    await get(contender, { receive: sizes.large, sha256 });
  }
  const found = await inTurns(contenders, rounds, (contender) => get(contender, { receive: sizes.large }));
  return [
    { what: 'download, CPU s', found, of: (one) => one.cpu, must: { bare: 1.5, rclone: 0.7, webdav: 1.1 } },
    { what: 'download, wall s', found, of: (one) => one.seconds },
    { what: 'download, peak MB', found, of: (one) => one.peak, digits: 0 },
  ];
}

/** 64 KiB from anywhere in it, one after the other. */
export async function ranges({ place, sizes, rounds }) {
  const contenders = await place.contenders();
  for (const contender of contenders) await store(contender, sizes.large);
  const offsets = numbersBelow(sizes.large - RANGE, sizes.ranges);
  const requestsTo = (contender) =>
    offsets.map((from) => ({
      method: 'GET',
      path: contender.path(LARGE),
      headers: { Range: `bytes=${from}-${from + RANGE - 1}` },
      receive: RANGE,
    }));
  for (const contender of contenders) await measure(contender, requestsTo(contender).slice(0, sizes.ranges / 5));
  const found = await inTurns(contenders, rounds, (contender) => measure(contender, requestsTo(contender)));
  return [
    { what: '64 KiB range, p50 ms', found, of: ({ milliseconds }) => quantile(milliseconds, 0.5) },
    { what: '64 KiB range, p95 ms', found, of: ({ milliseconds }) => quantile(milliseconds, 0.95) },
    { what: '64 KiB range, CPU ms each', found, of: (one) => (one.cpu * 1000) / sizes.ranges },
  ];
}

/** Files of 4 KiB, 8 at a time. */
export async function smallFiles({ place, sizes, rounds, where }) {
  const contenders = await place.contenders();
  const putMany = async (contender, folder, count) => {
    await contender.makeFolder(folder);
    const requests = Array.from({ length: count }, (_, index) => ({
      method: 'PUT',
      path: contender.path(`${folder}/${index}.bin`),
      send: 4096,
    }));
    return measure(contender, requests, 8);
  };
  for (const contender of contenders) await putMany(contender, 'warm-up', sizes.smallFiles / 5);
  const found = await inTurns(contenders, rounds, (contender, round) =>
    putMany(contender, `small-${round}`, sizes.smallFiles),
  );
  const perSecond = { what: `4 KiB files ${where}, per s`, found, of: (one) => sizes.smallFiles / one.seconds };
  return [
    { ...perSecond, more: true, digits: 0, must: { least: 250 } },
    { what: `4 KiB files ${where}, CPU ms each`, found, of: (one) => (one.cpu * 1000) / sizes.smallFiles },
    { what: `4 KiB files ${where}, p95 ms`, found, of: ({ milliseconds }) => quantile(milliseconds, 0.95), digits: 1 },
  ];
}

function put(contender, name, length) {
  return measure(contender, [{ method: 'PUT', path: contender.path(name), send: length }]);
}

function get(contender, expected) {
  return measure(contender, [{ method: 'GET', path: contender.path(LARGE), ...expected }]);
}

const stored = new WeakSet();

async function store(contender, length) {
  if (stored.has(contender)) return;
  await put(contender, LARGE, length);
  stored.add(contender);
}
