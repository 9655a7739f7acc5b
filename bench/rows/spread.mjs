import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { inTurns, measure } from '../measure.mjs';
import { sha256Of } from '../test-bytes.mjs';

const ONE_COPY = { data: 1, parity: 0 };
const TWO_AND_ONE = { data: 2, parity: 1 };

/** The gateway beside itself: 2+1 over three vaults in the column of the gateway, one copy in that of bare Node. */
export async function spread({ place, sizes, rounds }) {
  const [gateway] = await place.contenders(['gateway']);
  const ids = await connectVaults(gateway, join(place.folder, 'vaults'), TWO_AND_ONE.data + TWO_AND_ONE.parity);
  const under = [
    { name: 'gateway', file: 'spread.bin', spread: { ...TWO_AND_ONE, connections: ids } },
    { name: 'bare', file: 'copy.bin', spread: { ...ONE_COPY, connections: ids.slice(0, 1) } },
  ];
  const length = sizes.large;
  const put = async ({ file, spread: wanted }) => {
    await ask(gateway, 'PATCH', '/api/users/me/default-storage', wanted);
    return measure(gateway, [{ method: 'PUT', path: gateway.path(file), send: length }]);
  };
  const get = ({ file }, more = {}) =>
    measure(gateway, [{ method: 'GET', path: gateway.path(file), receive: length, ...more }]);
  for (const one of under) await put({ ...one, file: 'warm-up.bin' });
  const up = await inTurns(under, rounds, put);
  for (const one of under) await get(one, { sha256: sha256Of(length) });
  const down = await inTurns(under, rounds, (one) => get(one));
  const lost = await firstVaultLost(place.folder, async () => {
    await get(under[0], { sha256: sha256Of(length) });
    return inTurns(under.slice(0, 1), rounds, (one) => get(one));
  });
  await ask(gateway, 'PATCH', '/api/users/me/default-storage', ONE_COPY);
  return [
    { what: 'upload, 2+1 ÷ one copy, CPU s', found: up, of: (one) => one.cpu, must: { bare: 1.8 } },
    { what: 'upload, 2+1 ÷ one copy, wall s', found: up, of: (one) => one.seconds },
    { what: 'upload, 2+1, peak MB', found: up, of: (one) => one.peak, digits: 0 },
    { what: 'download, 2+1 ÷ one copy, CPU s', found: down, of: (one) => one.cpu },
    { what: 'download, 2+1, a vault lost, CPU s', found: lost, of: (one) => one.cpu },
    { what: 'download, 2+1, a vault lost, wall s', found: lost, of: (one) => one.seconds },
  ];
}

async function connectVaults(gateway, folder, count) {
  const ids = [];
  for (let nth = 0; nth < count; nth++) {
    const path = join(folder, `vault-${nth}`);
    await mkdir(path, { recursive: true });
    const request = { label: `vault ${nth}`, path, house: true, domain: `place ${nth}` };
    ids.push((await ask(gateway, 'POST', '/api/cloud/connections/local', request)).id);
  }
  return ids;
}

async function firstVaultLost(folder, work) {
  const vault = join(folder, 'vaults', 'vault-0');
  await rename(vault, `${vault}.lost`);
  try {
    return await work();
  } finally {
    await rename(`${vault}.lost`, vault);
  }
}

async function ask({ origin, headers }, method, path, body) {
  const sent = { method, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(origin + path, sent);
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
