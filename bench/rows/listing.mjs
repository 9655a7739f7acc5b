import { inTurns, measure, median } from '../measure.mjs';
import { seedFolder } from '../seed-folder.mjs';

const FOLDER = 'many';
/** Each takes many seconds, and hardly differs from the next. */
const MOST_ROUNDS = 2;

/** All of a large folder: the gateway's in pages of 1,000, by WebDAV and rclone's in one answer. The bare pipeline has no folders. */
export async function listing({ place, sizes, rounds }) {
  const [gateway, webdav, rclone] = await place.contenders(['gateway', 'webdav', 'rclone']);
  await seedFolder(gateway, await storeModel(gateway), sizes.entries - 1);
  rclone?.seed(FOLDER, sizes.entries);
  const found = await inTurns(
    [gateway, webdav, rclone].filter(Boolean),
    Math.min(rounds, MOST_ROUNDS),
    async (contender) => {
      await contender.forgetFolders?.();
      const one = await measure(contender, [askOf(contender)]);
      if (one.entries !== sizes.entries) throw new Error(`${contender.name} listed ${one.entries} entries`);
      return one;
    },
  );
  const { gateway: pages } = found;
  return [
    { what: `listing ${sizes.entries} entries, wall s`, found, of: (one) => one.seconds },
    { what: `listing ${sizes.entries} entries, CPU s`, found, of: (one) => one.cpu },
    {
      what: 'listing, a page of 1,000, ms',
      found: { gateway: pages },
      of: ({ milliseconds }) => median(milliseconds),
      digits: 1,
    },
  ];
}

const askOf = ({ name }) =>
  name === 'gateway' ? PAGES : { ...PROPFIND, path: `${name === 'webdav' ? '/dav' : ''}/${FOLDER}/` };
const PAGES = { method: 'GET', path: `/api/tree/${FOLDER}?limit=1000`, pages: true };
const PROPFIND = { method: 'PROPFIND', headers: { Depth: '1' }, entries: '.txt</D:href>' };

async function storeModel({ origin, headers, path }) {
  const answer = await fetch(origin + path(`${FOLDER}/model.txt`), {
    method: 'PUT',
    headers: { ...headers, 'Content-Type': 'text/plain' },
    body: Buffer.alloc(4096, 1),
  });
  if (!answer.ok) throw new Error(`storing the first file was answered ${answer.status}`);
  return answer.json();
}
