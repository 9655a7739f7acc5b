import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPage } from './support/browser.js';
import { call, signIn } from './support/people.js';
import { startGateway, type TestGateway } from './support/gateway.js';

/** As it is shipped for browsers. */
const CLIENT = readFileSync(
  createRequire(import.meta.url)
    .resolve('tus-js-client')
    .replace(/lib.*$/, 'dist/tus.js'),
  'utf8',
);
const LENGTH = 5_000_000;

let gateway: TestGateway;
let token: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: '256KiB' } });
  token = await signIn(gateway);
});
afterAll(() => gateway?.stop());

/** What runs in the page: a file from a seed, sent in parts, by a client that begins anew each time the page was closed. */
interface InPage {
  tus: typeof import('tus-js-client');
  /** Set when so many bytes were accepted and the page shall be left. */
  far: number;
  done: string;
}

it('tus-js-client in a browser goes on where it was when its connection was lost, and when its page was closed', async () => {
  await using opened = await openPage();
  const { page, faults } = opened;
  // A page of the gateway's own origin whose policy leaves the test's script alone; everything else is the gateway's.
  await page.route(`${gateway.url}/blank`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>test</title>' }),
  );
  let cuts = 0;
  const sent: number[] = [];
  await page.route(`${gateway.url}/api/uploads/*`, async (route) => {
    const asked = route.request();
    if (asked.method() === 'PATCH') sent.push(Number(asked.headers()['upload-offset']));
    if (asked.method() === 'PATCH' && sent.length === 3 && cuts === 0) {
      cuts += 1;
      return route.abort('connectionreset');
    }
    return route.continue();
  });
  const begin = async (): Promise<void> => {
    await page.goto(`${gateway.url}/blank`);
    await page.addScriptTag({ content: CLIENT });
    await page.evaluate(
      ([bearer, length]) => {
        const here = globalThis as unknown as InPage;
        const bytes = Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);
        here.far = 0;
        here.done = '';
        const upload = new here.tus.Upload(new File([bytes], 'from a browser.bin'), {
          endpoint: '/api/uploads',
          headers: { Authorization: `Bearer ${bearer}` },
          metadata: { filename: 'from a browser.bin', filetype: 'application/x-test' },
          chunkSize: 500_000,
          retryDelays: [0, 50, 100, 200],
          fingerprint: async () => 'the same file',
          onChunkComplete: (_, accepted) => (here.far = accepted),
          onError: (error) => (here.done = error.message),
          onSuccess: () => (here.done = 'whole'),
        });
        void upload.findPreviousUploads().then(([earlier]) => {
          if (earlier) upload.resumeFromPreviousUpload(earlier);
          upload.start();
        });
      },
      [token, LENGTH] as const,
    );
  };
  await begin();
  await page.waitForFunction(() => (globalThis as unknown as InPage).far >= 2_000_000);
  await begin();
  await page.waitForFunction(() => (globalThis as unknown as InPage).done !== '');
  expect(await page.evaluate(() => (globalThis as unknown as InPage).done)).toBe('whole');
  expect([cuts, faults]).toEqual([1, []]);
  // Nothing was begun from its beginning again.
  expect(sent.filter((offset) => offset === 0)).toHaveLength(1);
  const wanted = Buffer.from(Uint8Array.from({ length: LENGTH }, (_, at) => (at * 31 + (at >> 8)) & 255));
  const record = (await call(gateway, '/api/tree/from%20a%20browser.bin', { token })).json<{ sha256: string }>();
  expect(record.sha256).toBe(createHash('sha256').update(wanted).digest('hex'));
}, 180_000);
