import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Picture, PictureDecoder } from '../src/sharing/previews/picture-decoder.js';
import { openPage } from './support/browser.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { endlessPage, lockedPdf, onePage, RED_AND_BLUE } from './support/pdfs.js';
import { newPerson, signIn } from './support/people.js';
import { blankPng, gifOf, look, noise, notedPng, redAndBlue, withExif } from './support/pictures.js';

let gateway: TestGateway;
let admin: string;
let account: string;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  const person = await newPerson(gateway, admin, ['user']);
  account = person.id;
  client = new Client(gateway, person.token);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

const preview = (path: string, query = '', headers = {}): Promise<Received> =>
  client.send(`/api/preview/${path}${query}`, { headers });

async function put(path: string, body: Uint8Array): Promise<string> {
  const answer = await client.put(path, Buffer.from(body));
  expect(answer.status).toBeLessThan(202);
  return answer.json<{ version: string }>().version;
}

async function rows<T>(text: string, values: unknown[] = [account]): Promise<T[]> {
  await using database = await intruder(gateway);
  return (await database.query(text, values)).rows as T[];
}

const isRed = ([r = 0, g = 0, b = 0]: number[]) => r > 150 && g < 90 && b < 90;
const isBlue = ([r = 0, g = 0, b = 0]: number[]) => b > 150 && r < 90 && g < 90;

/** How often a decoder was started while the work ran. */
async function decodings(work: () => Promise<unknown>): Promise<number> {
  const decoder = inside(gateway, PictureDecoder);
  const { run } = decoder;
  let count = 0;
  decoder.run = (...asked) => {
    count += 1;
    return run.apply(decoder, asked);
  };
  try {
    await work();
  } finally {
    decoder.run = run;
  }
  return count;
}

describe('a preview', () => {
  const saved: Record<string, () => Promise<Uint8Array>> = {
    'a.txt': async () => (await redAndBlue()).jpegsaveBuffer(),
    'b.png': async () => (await redAndBlue()).pngsaveBuffer(),
    'c.webp': async () => (await redAndBlue()).webpsaveBuffer(),
    d: async () => (await redAndBlue()).gifsaveBuffer(),
    'e.tif': async () => (await redAndBlue()).tiffsaveBuffer(),
    'f.avif': async () => (await redAndBlue()).heifsaveBuffer({ compression: 'av1', effort: 0 }),
    'g.pdf': async () => onePage(RED_AND_BLUE),
  };
  it.each(Object.keys(saved))('of %s is a small picture of it, whatever the file is called', async (path) => {
    await put(path, await saved[path]!());
    const answer = await preview(path);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'image/webp']);
    const seen = await look(answer.body);
    expect([seen.width, seen.height]).toEqual([256, 128]);
    expect([isRed(seen.at(0.2, 0.5)), isBlue(seen.at(0.8, 0.5))]).toEqual([true, true]);
    expect(answer.headers['content-security-policy']).toContain('sandbox');
  });

  it('has the size that was asked for, and is never larger than the picture', async () => {
    await put('wide.jpg', (await redAndBlue(1600, 400)).jpegsaveBuffer());
    for (const [size, width, height] of [
      [512, 512, 128],
      [1024, 1024, 256],
    ]) {
      const seen = await look((await preview('wide.jpg', `?size=${size}`)).body);
      expect([seen.width, seen.height]).toEqual([width, height]);
    }
    await put('tiny.png', (await redAndBlue(40, 20)).pngsaveBuffer());
    expect((await look((await preview('tiny.png', '?size=1024')).body)).width).toBe(40);
    for (const size of ['300', '0', '-1', 'x']) {
      expect((await preview('tiny.png', `?size=${size}`)).status).toBe(422);
    }
  });

  it('stands upright, and says nothing of where it was taken', async () => {
    const jpeg = (await redAndBlue()).jpegsaveBuffer();
    await put('turned.jpg', withExif(jpeg, 6, 'GPS 48.2082 16.3738'));
    const { body } = await preview('turned.jpg');
    const seen = await look(body);
    // Orientation 6: what was left is up.
    expect([seen.width, seen.height]).toEqual([128, 256]);
    expect([isRed(seen.at(0.5, 0.1)), isBlue(seen.at(0.5, 0.9))]).toEqual([true, true]);
    expect(body.includes('GPS')).toBe(false);
    expect(seen.fields.filter((field) => /exif|xmp|iptc|orientation/.test(field))).toEqual([]);
  });

  it('of a document that a browser printed is its first page', async () => {
    await using printer = await openPage();
    const style = '<style>@page { size: 4in 2in; margin: 0 } p { height: 2in; width: 2in; margin: 0 }</style>';
    const pages = '<p style="background: red">Tessera</p><p style="background: blue">page 2</p>';
    await printer.page.setContent(style + pages);
    await put('printed', await printer.page.pdf({ preferCSSPageSize: true, printBackground: true }));
    const seen = await look((await preview('printed')).body);
    expect([seen.width, seen.height]).toEqual([256, 128]);
    expect([isRed(seen.at(0.2, 0.9)), seen.at(0.8, 0.5)]).toEqual([true, [255, 255, 255]]);
  });

  it('of an earlier version is that version’s', async () => {
    const first = await put('x', (await redAndBlue(400, 200)).pngsaveBuffer());
    await put('x', (await redAndBlue(200, 400)).pngsaveBuffer());
    expect((await look((await preview('x')).body)).height).toBe(256);
    expect((await look((await preview('x', `?version=${first}`)).body)).width).toBe(256);
  });
});

describe('a preview is kept', () => {
  // What is kept is not the decoder's affair: these need none of its processes.
  beforeEach(async () => {
    const made = Buffer.from((await redAndBlue(64, 32)).webpsaveBuffer());
    const read = async ({ bytes }: Picture) => {
      for await (const _ of bytes);
      return made;
    };
    const stand = vi.spyOn(inside(gateway, PictureDecoder), 'run').mockImplementation(read);
    return () => stand.mockRestore();
  });

  it('sealed, spread as any content is, and counted against no quota', async () => {
    await put('a.png', (await redAndBlue()).pngsaveBuffer());
    const before = await client.send('/api/auth/me');
    const { body } = await preview('a.png');
    const found = await rows<{ content: string; size: number }>(
      'select content, size from previews where account = $1',
    );
    expect(found.map(({ size }) => size)).toEqual([body.length]);
    const contents = await rows<{ state: string; quota_slab: string | null; size: string }>(
      'select state, quota_slab, size from contents where account = $1 and id = $2',
      [account, found[0]!.content],
    );
    expect(contents).toEqual([{ state: 'published', quota_slab: null, size: String(body.length) }]);
    const names = await rows<{ name: string }>(
      'select b.name from shards s join blobs b on b.account = s.account and b.id = s.blob where s.account = $1 and s.content = $2',
      [account, found[0]!.content],
    );
    expect(names.length).toBeGreaterThan(0);
    const disk = await blobsOnDisk(vaultOf(gateway));
    for (const { name } of names) {
      const blob = readFileSync(disk.get(name)!);
      for (let at = 0; at + 16 <= body.length; at += 16) expect(blob.includes(body.subarray(at, at + 16))).toBe(false);
    }
    expect((await client.send('/api/auth/me')).json()).toEqual(before.json());
  });

  it('and made once: for the second who asks, for a copy, and for a hundred at once', async () => {
    await put('a.jpg', (await redAndBlue()).jpegsaveBuffer());
    await client.json('POST', '/api/copy', { from: 'a.jpg', to: 'b.jpg' });
    const many = await decodings(async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => preview('a.jpg')));
      expect(new Set(answers.map(({ status, body }) => `${status} ${body.toString('base64')}`)).size).toBe(1);
      expect(answers[0]?.status).toBe(200);
      expect((await preview('b.jpg')).status).toBe(200);
    });
    expect(many).toBe(1);
    expect(await rows('select 1 from previews where account = $1')).toHaveLength(1);
  });

  it('and recognised: whoever has it is sent nothing, and nothing is made', async () => {
    await put('a.jpg', (await redAndBlue()).jpegsaveBuffer());
    const { headers } = await preview('a.jpg');
    expect((await preview('a.jpg', '?size=512')).headers.etag).not.toBe(headers.etag);
    const again = await preview('a.jpg', '', { 'If-None-Match': headers.etag });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, headers.etag]);
    expect((await preview('a.jpg', '', { Range: 'bytes=0-3' })).body.toString()).toBe('RIFF');
    await put('a.jpg', (await redAndBlue(200, 400)).jpegsaveBuffer());
    expect((await preview('a.jpg', '', { 'If-None-Match': headers.etag })).status).toBe(200);
  });

  it('as long as a version holds what it shows, and erased with the last one', async () => {
    const place = 'select p.content from previews p where account = $1';
    await put('a.jpg', (await redAndBlue()).jpegsaveBuffer());
    await client.json('POST', '/api/copy', { from: 'a.jpg', to: 'b.jpg' });
    await preview('a.jpg');
    const [{ content }] = (await rows<{ content: string }>(place)) as [{ content: string }];
    await client.remove('a.jpg');
    await client.send('/api/trash', { method: 'DELETE' });
    expect((await preview('b.jpg')).status).toBe(200);
    await client.remove('b.jpg');
    await client.send('/api/trash', { method: 'DELETE' });
    expect(await rows(place)).toEqual([]);
    expect(
      await rows('select state, wrapped_key from contents where account = $1 and id = $2', [account, content]),
    ).toEqual([{ state: 'erased', wrapped_key: null }]);
    await upkeep(gateway);
    const left = await rows(`select 1 from blobs where account = $1 and state not in ('condemned', 'gone')`);
    expect(left).toEqual([]);
    const names = (await rows<{ name: string }>('select name from blobs where account = $1')).map(({ name }) => name);
    const disk = await blobsOnDisk(vaultOf(gateway));
    expect(names.filter((name) => disk.has(name))).toEqual([]);
  });

  it('and made anew where its blob is gone; refused where its row was changed', async () => {
    await put('a.jpg', (await redAndBlue()).jpegsaveBuffer());
    const { body } = await preview('a.jpg');
    await rows(
      `update blobs set name = reverse(name) where account = $1 and id in (
         select s.blob from shards s join previews p on p.account = s.account and p.content = s.content where s.account = $1)`,
    );
    const mended = await preview('a.jpg');
    expect([mended.status, mended.body.equals(body)]).toEqual([200, true]);
    expect(await rows('select 1 from previews where account = $1')).toHaveLength(1);
    await put('b.jpg', (await redAndBlue(200, 400)).jpegsaveBuffer());
    await preview('b.jpg');
    await rows(
      `update previews p set content = o.content, size = o.size, mac = o.mac, sealed_sha256 = o.sealed_sha256
       from previews o where p.account = $1 and o.account = $1 and o.source <> p.source`,
    );
    for (const path of ['a.jpg', 'b.jpg']) {
      expect((await preview(path)).type).toBe('content-damaged');
      expect((await client.get(path)).status).toBe(200);
    }
  });
});

describe('a link', () => {
  it('shows a small preview of what it gives, counts no download for it, and shows nothing of anything else', async () => {
    await put('album/a.jpg', (await redAndBlue(1600, 800)).jpegsaveBuffer());
    await put('secret.jpg', (await redAndBlue()).jpegsaveBuffer());
    const link = (await client.json('POST', '/api/links', { path: 'album', mostDownloads: 1 })).json<{
      token: string;
    }>();
    const guest = new Client(gateway, '');
    const { visit } = (await guest.json('POST', '/api/shared/visits', { token: link.token })).json<{ visit: string }>();
    const shown = await guest.json('POST', '/api/shared/previews', { visit, path: 'a.jpg' });
    expect([shown.status, shown.headers['content-type']]).toEqual([200, 'image/webp']);
    expect((await look(shown.body)).width).toBe(256);
    const refused = async (path: string) => (await guest.json('POST', '/api/shared/previews', { visit, path })).status;
    expect([await refused(''), await refused('../secret.jpg'), await refused('none')]).toEqual([409, 400, 404]);
    const [{ downloads }] = (await client.send('/api/links')).json<{ items: [{ downloads: number }] }>().items;
    expect(downloads).toBe(0);
    const ticket = await guest.json('POST', '/api/shared/downloads', { visit, path: 'a.jpg' });
    expect((await guest.send(ticket.json<{ url: string }>().url)).status).toBe(200);
    expect(await refused('a.jpg')).toBe(404);
    guest[Symbol.dispose]();
  });
});

describe('no preview is made', () => {
  it('of what is no picture, and the answer says so', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect width="9" height="9"/></svg>';
    const strange: Record<string, Buffer> = {
      'a.svg': Buffer.from(svg),
      'b.png': Buffer.from('BM, and not a picture at all'),
      'c.jpg': Buffer.alloc(0),
      'd.jpg': Buffer.from('\xff\xd8\xff', 'latin1'),
      'e.html': Buffer.from('<html>GIF89a</html>'),
      'f.zip': Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(64)]),
    };
    const many = await decodings(async () => {
      for (const [path, bytes] of Object.entries(strange)) {
        await put(path, bytes);
        const answer = await preview(path);
        expect([path, answer.status, answer.type]).toEqual([path, 415, 'no-preview']);
      }
    });
    expect(many).toBe(0);
  });

  it('of what is broken, cut short, or two things at once; and it is tried once', async () => {
    const png = Buffer.from((await noise(300, 300)).pngsaveBuffer());
    const strange: Record<string, Buffer> = {
      'head.gif': Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(100, 255)]),
      'svg.png': Buffer.concat([png.subarray(0, 8), Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')]),
      'none.pdf': Buffer.from('%PDF-1.7 and not a page at all'),
      'locked.pdf': lockedPdf(),
      'avif.avif': Buffer.from('\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf\xff\xff\xff\xff', 'latin1'),
    };
    for (const [path, bytes] of Object.entries(strange)) {
      await put(path, bytes);
      const many = await decodings(async () => {
        for (const size of ['256', '512']) {
          const answer = await preview(path, `?size=${size}`);
          expect([path, answer.status, answer.type]).toEqual([path, 415, 'no-preview']);
          expect([path, answer.body.includes('password')]).toEqual([path, path === 'locked.pdf']);
        }
      });
      expect([path, many]).toEqual([path, 1]);
    }
    // What is there of one that was cut short is shown, as browsers do.
    await put('cut.png', png.subarray(0, png.length / 2));
    expect((await preview('cut.png')).status).toBe(200);
    // A picture with a page behind it is the picture, and nothing of the page.
    await put('both.gif', Buffer.concat([gifOf(1), Buffer.from('<script>alert(1)</script>')]));
    const both = await preview('both.gif');
    expect([both.status, both.headers['content-type'], both.body.includes('script')]).toEqual([
      200,
      'image/webp',
      false,
    ]);
  });

  it('of a bomb, and the gateway stands', async () => {
    await put('wide.png', blankPng(30_000, 30_000));
    await put('noted.png', notedPng(100_000_000));
    const wide = await preview('wide.png');
    expect([wide.status, wide.type]).toEqual([415, 'no-preview']);
    expect(wide.body.toString()).toContain('more pixels');
    expect([200, 415]).toContain((await preview('noted.png')).status);
    await put('frames.gif', gifOf(10_000));
    const frames = await preview('frames.gif');
    expect(frames.status).toBe(200);
    expect(isRed((await look(frames.body)).at(0.5, 0.5))).toBe(true);
    expect((await client.send('/api/health/live')).status).toBe(200);
  });

  it('of a page that nobody finishes drawing; it is tried once', async () => {
    const decoder = inside(gateway, PictureDecoder);
    const { mostCpuMs } = decoder;
    decoder.mostCpuMs = 500;
    await put('endless.pdf', endlessPage());
    const many = await decodings(async () => {
      for (const size of ['256', '512']) {
        const answer = await preview('endless.pdf', `?size=${size}`);
        expect([answer.status, answer.type, answer.body.includes('time')]).toEqual([415, 'no-preview', true]);
      }
    }).finally(() => (decoder.mostCpuMs = mostCpuMs));
    expect(many).toBe(1);
  });

  it('of another’s file, of a folder, of what is not there', async () => {
    await put('mine.png', (await redAndBlue()).pngsaveBuffer());
    const person = await newPerson(gateway, admin, ['user']);
    using stranger = new Client(gateway, person.token);
    expect((await stranger.send('/api/preview/mine.png')).status).toBe(404);
    await client.makeFolder('folder');
    expect((await preview('folder')).type).toBe('is-folder');
    expect((await preview('folder/none')).status).toBe(404);
    expect((await preview('..%2fmine.png')).type).toBe('bad-name');
    expect((await client.send('/api/preview/mine.png', { headers: { Authorization: 'Bearer nobody' } })).status).toBe(
      401,
    );
  });
});

describe('the decoder', () => {
  const given: Record<string, () => Promise<Buffer>> = {
    Jpeg: async () => Buffer.from((await redAndBlue()).jpegsaveBuffer()),
    Pdf: async () => onePage(RED_AND_BLUE),
  };
  it.each(['Jpeg', 'Pdf'] as const)('of %s is a process that can read nothing of the gateway’s', async (loader) => {
    const decoder = inside(gateway, PictureDecoder);
    const seen: { env: string; flags: string }[] = [];
    const file = await given[loader]!();
    async function* slowly() {
      yield file.subarray(0, 100);
      for (const id of await children()) {
        const flags = readFileSync(`/proc/${id}/cmdline`, 'utf8');
        if (flags.includes('decode-picture')) seen.push({ env: readFileSync(`/proc/${id}/environ`, 'utf8'), flags });
      }
      yield file.subarray(100);
    }
    await decoder.run({ loader, length: file.length, bytes: slowly() }, 256);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.env).toBe('');
    const flags = seen[0]!.flags.split('\0');
    expect(flags).toContain('--permission');
    const open = flags.filter((flag) => flag.startsWith('--allow'));
    expect(open.filter((flag) => !flag.startsWith('--allow-fs-read='))).toEqual(['--allow-worker']);
    const files = open.filter((flag) => flag.startsWith('--allow-fs-read=')).map((flag) => flag.replace(/.*=/, ''));
    const ofPdf = loader === 'Pdf' ? [/\/draw-page\.ts$/, /\/@embedpdf\/pdfium\/dist\/pdfium\.wasm$/] : [];
    const expected = [/\/decode-picture\.ts$/, /\/node_modules\/wasm-vips\/lib\/$/, ...ofPdf];
    expect(files).toHaveLength(expected.length);
    for (const [nth, path] of files.entries()) expect(path).toMatch(expected[nth]!);
  });

  it('leaves nothing behind when it is killed in the middle, and the next one does the work', async () => {
    await put('a.jpg', (await noise(800, 800)).jpegsaveBuffer());
    const decoder = inside(gateway, PictureDecoder);
    const { run } = decoder;
    decoder.run = (picture, side) => {
      const made = run.call(decoder, picture, side);
      decoder.onModuleDestroy();
      return made;
    };
    const killed = await preview('a.jpg').finally(() => (decoder.run = run));
    expect([killed.status, killed.type]).toEqual([415, 'no-preview']);
    expect(await rows('select 1 from previews where account = $1')).toEqual([]);
    await put('b.jpg', (await noise(801, 800)).jpegsaveBuffer());
    expect((await preview('b.jpg')).status).toBe(200);
  });
});

async function children(): Promise<string[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return all.filter((id) => {
    const path = `/proc/${id}/stat`;
    return existsSync(path) && readFileSync(path, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid);
  });
}
