import { Readable } from 'node:stream';
import { drive_v3 } from 'googleapis/build/src/apis/drive/v3.js';
import { OAuth2Client } from 'google-auth-library';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GoogleDouble, startGoogle } from './index.js';

let google: GoogleDouble;
let time = 1_000_000;
let token: string;
let drive: drive_v3.Drive;

beforeEach(async () => {
  google = await startGoogle({ now: () => time, ways: { accessTokenSeconds: 1_000_000 } });
  token = google.grant().accessToken;
  const auth = new OAuth2Client();
  auth.setCredentials({ access_token: token });
  drive = new drive_v3.Drive({ auth });
});

afterEach(() => google.stop());

/** Google's own client, as its users have to call it: the root goes with each call. */
const there = () => ({ rootUrl: `${google.origin}/`, retry: false });

async function ids(count: number): Promise<string[]> {
  return (await drive.files.generateIds({ count }, there())).data.ids!;
}

async function make(requestBody: drive_v3.Schema$File, content: string): Promise<drive_v3.Schema$File> {
  const media = { mimeType: 'application/octet-stream', body: Readable.from([Buffer.from(content)]) };
  return (await drive.files.create({ requestBody, media, fields: '*' }, there())).data;
}

const failing = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: { status?: number; response?: { data?: { error?: { errors?: { reason?: string }[] } } } }) =>
      `${error.status} ${error.response?.data?.error?.errors?.[0]?.reason}`,
  );

const send = (method: string, address: string, headers: Record<string, string>, body?: Buffer | string) =>
  fetch(address, { method, headers, redirect: 'manual', ...(body !== undefined && { body }) });

async function begin(metadata: object, total: number): Promise<Response> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json; charset=UTF-8',
    'x-upload-content-length': String(total),
  };
  return send('POST', `${google.origin}/upload/drive/v3/files?uploadType=resumable`, headers, JSON.stringify(metadata));
}

describe('the Drive of the double, spoken to by Google’s own client', () => {
  it('lets files have one name, tells numbers as strings and all checksums', async () => {
    const one = await make({ name: 'same' }, 'hello');
    const other = await make({ name: 'same' }, 'hello');
    expect(one.id).not.toBe(other.id);
    expect(one).toMatchObject({
      size: '5',
      md5Checksum: '5d41402abc4b2a76b9719d911017c592',
      sha256Checksum: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    });
  });

  it('tells a few fields where none are asked for, and refuses those that nobody has', async () => {
    const { id } = await make({ name: 'file' }, 'hello');
    const { data } = await drive.files.get({ fileId: id! }, there());
    expect(Object.keys(data).sort()).toEqual(['id', 'kind', 'mimeType', 'name']);
    expect(await failing(drive.files.get({ fileId: id!, fields: 'md5' }, there()))).toBe('400 invalidParameter');
  });

  it('takes an id that it has handed out, once, and no other', async () => {
    const [id] = await ids(1);
    expect((await make({ id }, 'one')).id).toBe(id);
    expect(await failing(make({ id }, 'one'))).toBe('409 fileIdInUse');
    expect(await failing(make({ id: '1made-up' }, 'one'))).toBe('400 invalid');
  });

  it('deletes for good, and answers 404 the second time', async () => {
    const { id } = await make({}, 'hello');
    expect((await drive.files.delete({ fileId: id! }, there())).status).toBe(204);
    expect(await failing(drive.files.delete({ fileId: id! }, there()))).toBe('404 notFound');
  });

  it('gives a range, and none past the end', async () => {
    const { id } = await make({}, 'hello');
    const range = (value: string) =>
      drive.files.get(
        { fileId: id!, alt: 'media' },
        { ...there(), headers: { Range: value }, responseType: 'arraybuffer' },
      );
    const part = await range('bytes=1-3');
    expect([part.status, Buffer.from(part.data as unknown as ArrayBuffer).toString()]).toEqual([206, 'ell']);
    expect(await failing(range('bytes=5-9'))).toMatch(/^416/);
  });

  it('lists page by page, with tokens that lapse and are good for one search', async () => {
    for (const name of ['a', 'b', 'c']) await make({ name }, name);
    const list = (more: object) => drive.files.list({ q: 'trashed = false', pageSize: 2, ...more }, there());
    const first = (await list({})).data;
    expect(first.files).toHaveLength(2);
    const pageToken = first.nextPageToken!;
    expect((await list({ pageToken })).data.files).toHaveLength(1);
    expect(await failing(list({ pageToken, q: "name = 'a'" }))).toBe('400 invalid');
    time += 2 * 3_600_000;
    expect(await failing(list({ pageToken }))).toBe('400 invalid');
  });

  it('shows at most a thousand at once, everything where nothing is said, and new files late', async () => {
    const folder = await drive.files.create(
      { requestBody: { mimeType: 'application/vnd.google-apps.folder' } },
      there(),
    );
    const parent = folder.data.id!;
    for (let index = 0; index < 1001; index += 1)
      await drive.files.create({ requestBody: { name: `${index}`, parents: [parent] } }, there());
    const q = `'${parent}' in parents`;
    expect((await drive.files.list({ q, pageSize: 5000 }, there())).data.files).toHaveLength(1000);
    expect((await drive.files.list({ q }, there())).data.files).toHaveLength(1001);
    google.ways.listLagMs = 5000;
    await make({ parents: [parent] }, 'new');
    expect((await drive.files.list({ q }, there())).data.files).toHaveLength(1001);
    time += 5000;
    expect((await drive.files.list({ q }, there())).data.files).toHaveLength(1002);
  });

  it.each([
    ["name = 'IT\\'S'", ["it's"]],
    ["appProperties has { key='k' and value='v' } and trashed = false", ['tagged']],
    ["'root' in parents and mimeType = 'text/x'", ['typed']],
  ])('searches for %s', async (q, found) => {
    await make({ name: "it's" }, '1');
    await make({ name: 'tagged', appProperties: { k: 'v' } }, '2');
    await make({ name: 'typed', mimeType: 'text/x' }, '3');
    const { data } = await drive.files.list({ q }, there());
    expect(data.files?.map(({ name }) => name)).toEqual(found);
  });

  it('does not show what the user has put there', async () => {
    const id = google.addByHand('holiday.jpg');
    expect(await failing(drive.files.get({ fileId: id }, there()))).toBe('404 notFound');
    expect((await drive.files.list({}, there())).data.files).toEqual([]);
  });

  it('puts what lies in a trashed folder into the trash with it', async () => {
    const folder = await drive.files.create(
      { requestBody: { mimeType: 'application/vnd.google-apps.folder' } },
      there(),
    );
    const { id } = await make({ parents: [folder.data.id!] }, 'hello');
    google.trash(folder.data.id!);
    const { data } = await drive.files.get({ fileId: id!, fields: 'trashed,explicitlyTrashed' }, there());
    expect(data).toEqual({ trashed: true, explicitlyTrashed: false });
  });

  it('loses the app’s files with the consent, where it is told to', async () => {
    const { id } = await make({}, 'hello');
    google.ways.losesFilesWithConsent = true;
    google.withdraw();
    expect(await failing(drive.files.get({ fileId: id! }, there()))).toBe('401 authError');
    const auth = new OAuth2Client();
    auth.setCredentials({ access_token: google.grant().accessToken });
    expect(await failing(drive.files.get({ fileId: id!, auth }, there()))).toBe('404 notFound');
  });

  it('tells the room, and refuses what is too much', async () => {
    google.ways.storageBytes = 8;
    await make({}, 'hello');
    const { data } = await drive.about.get({ fields: 'storageQuota' }, there());
    expect(data.storageQuota).toMatchObject({ limit: '8', usage: '5' });
    expect(await failing(make({}, 'hello'))).toBe('403 storageQuotaExceeded');
    expect(await failing(drive.about.get({}, there()))).toBe('400 required');
  });

  it('tells who asks too often to slow down, until the time is over', async () => {
    google.ways.allowance = { calls: 2, perMs: 1000 };
    const ask = () => drive.about.get({ fields: 'user' }, there());
    await ask();
    await ask();
    expect(await failing(ask())).toBe('403 userRateLimitExceeded');
    time += 1000;
    await ask();
  });
});

describe('the upload sessions of the double', () => {
  const KiB = 1024;
  const bytes = Buffer.alloc(700 * KiB, 7);
  const range = (from: number, to: number, total: number | '*' = bytes.length) => ({
    'content-range': `bytes ${from}-${to}/${total}`,
  });
  const query = { 'content-range': `bytes */${bytes.length}` };

  async function session(): Promise<string> {
    const answer = await begin({ name: 'x' }, bytes.length);
    expect(answer.status).toBe(200);
    return answer.headers.get('location')!;
  }

  it('go on where they are, need no token, and tell the file again when they are done', async () => {
    const address = await session();
    const asked = await send('PUT', address, query);
    expect([asked.status, asked.headers.get('range')]).toEqual([308, null]);
    const first = await send('PUT', address, range(0, 512 * KiB - 1), bytes.subarray(0, 512 * KiB));
    expect([first.status, first.headers.get('range')]).toEqual([308, `bytes=0-${512 * KiB - 1}`]);
    const last = await send('PUT', address, range(512 * KiB, bytes.length - 1), bytes.subarray(512 * KiB));
    expect(last.status).toBe(200);
    expect(await (await send('PUT', address, query)).json()).toEqual(await last.json());
  });

  it.each([
    ['a middle part that is no multiple of 256 KiB', range(0, 999), bytes.subarray(0, 1000)],
    ['a part that does not begin where it should', range(256 * KiB, 512 * KiB - 1), bytes.subarray(0, 256 * KiB)],
    ['another total', range(0, 256 * KiB - 1, 9_999_999), bytes.subarray(0, 256 * KiB)],
    ['a range that is not as long as its body', range(0, 256 * KiB - 1), bytes.subarray(0, 10)],
  ])('refuse %s', async (_, headers, body) => {
    expect((await send('PUT', await session(), headers, body)).status).toBe(400);
  });

  it('keep whole granules of what broke off', async () => {
    const address = await session();
    google.follow([{ method: 'PUT', nth: 1, does: { kind: 'cuts', after: 300 * KiB } }]);
    await expect(send('PUT', address, range(0, bytes.length - 1), bytes)).rejects.toThrow();
    expect((await send('PUT', address, query)).headers.get('range')).toBe(`bytes=0-${256 * KiB - 1}`);
  });

  it('lapse', async () => {
    const address = await session();
    time += 8 * 24 * 3_600_000;
    expect((await send('PUT', address, query)).status).toBe(404);
  });

  it.each([
    [false, 409, null],
    [true, 200, 409],
  ])('notice a taken id early or late (late: %s)', async (late, atStart, atEnd) => {
    const [id] = await ids(1);
    await make({ id }, 'first');
    google.ways.noticesTakenIdsLate = late;
    const answer = await begin({ id }, bytes.length);
    expect(answer.status).toBe(atStart);
    if (atEnd === null) return;
    const end = await send('PUT', answer.headers.get('location')!, range(0, bytes.length - 1), bytes);
    expect(end.status).toBe(atEnd);
  });
});
