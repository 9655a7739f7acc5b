import { measure } from '../measure.mjs';

const MUST = { below: 400 };
const peak = { of: (one) => one.peak, digits: 0, must: MUST };

/** All at the same time, each on a connection of its own. */
export async function manyUploads({ place, sizes }) {
  const { count, length } = sizes.manyUploads;
  return uploadsAtOnce(await place.contenders(['gateway']), 'at-once', count, length);
}

export async function largeUploads({ place, sizes }) {
  const { count, length } = sizes.largeUploads;
  return uploadsAtOnce(await place.contenders(['gateway']), 'large', count, length);
}

async function uploadsAtOnce([gateway], folder, count, length) {
  const requests = Array.from({ length: count }, (_, index) => ({
    method: 'PUT',
    path: gateway.path(`${folder}/${index}.bin`),
    send: length,
  }));
  const found = { gateway: [await measure(gateway, requests, count)] };
  const what = `${count} uploads of ${length / 2 ** 20} MiB at once`;
  return [
    { what: `${what}, peak MB`, found, ...peak },
    { what: `${what}, wall s`, found, of: (one) => one.seconds },
  ];
}
