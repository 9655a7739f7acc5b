import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  lockedPdf,
  onePage,
  type PageForm,
  pdfOf,
  pictured,
  RED_AND_BLUE,
  streamOf,
} from '../../../test/support/pdfs.js';
import { redAndBlue } from '../../../test/support/pictures.js';
import { compiled, type DrawnPage, drawFirstPage } from './draw-page.js';

const pdfium = compiled(readFileSync(createRequire(import.meta.url).resolve('@embedpdf/pdfium/pdfium.wasm')));
/** 32 MiB: enough for every page here that is none to refuse, and soon used up by the others. */
const MOST_PAGES = 512;
const END_OF_TABLE = Buffer.from('\nendobj\nstartxref\n9\n%%EOF');

function draw(bytes: Buffer, side = 64): DrawnPage | 'broken' | 'locked' {
  let at = 0;
  const readInto = (place: Uint8Array) => {
    bytes.copy(place, 0, at, at + place.length);
    at += place.length;
  };
  return drawFirstPage(pdfium, { length: bytes.length, readInto }, side, MOST_PAGES);
}

function seen(bytes: Buffer, side = 64): { sides: number[]; at: (x: number, y: number) => string } {
  const page = draw(bytes, side);
  if (typeof page === 'string') throw new Error(page);
  const { width, height, pixels } = page;
  expect(pixels.length).toBe(width * height * 4);
  const at = (x: number, y: number) => {
    const place = (Math.floor(y * (height - 1)) * width + Math.floor(x * (width - 1))) * 4;
    return [...pixels.subarray(place, place + 3)].map((part) => (part > 127 ? '1' : '0')).join('');
  };
  return { sides: [width, height], at };
}

const [RED, GREEN, BLUE, WHITE] = ['100', '010', '001', '111'];
const half = (bytes: Buffer) => {
  const { at } = seen(bytes);
  return [at(0.2, 0.5), at(0.8, 0.5)];
};

describe('the first page is drawn', () => {
  it('in its colours and proportions, as large as asked for, on white', () => {
    for (const side of [64, 256]) expect(seen(onePage(RED_AND_BLUE), side).sides).toEqual([side, side / 2]);
    expect(half(onePage(RED_AND_BLUE))).toEqual([RED, BLUE]);
    expect(half(onePage('1 0 0 rg 0 0 200 200 re f'))).toEqual([RED, WHITE]);
  });

  it('as it is turned and cut', () => {
    const turned = seen(onePage(RED_AND_BLUE, { page: '/Rotate 90' }));
    expect([turned.sides, turned.at(0.5, 0.2), turned.at(0.5, 0.8)]).toEqual([[32, 64], RED, BLUE]);
    const cut = seen(onePage(RED_AND_BLUE, { page: '/CropBox[200 0 400 200]' }));
    expect([cut.sides, cut.at(0.1, 0.5)]).toEqual([[64, 64], BLUE]);
  });

  it('and no other one', () => {
    const blank = '<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>';
    const page = '<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 5 0 R>>';
    const pages = ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>'];
    expect(half(pdfOf([...pages, page, blank, streamOf(RED_AND_BLUE)]))).toEqual([RED, BLUE]);
  });

  it('with what was written into its form, and stamped on it', () => {
    const look = streamOf('0 1 0 rg 0 0 100 100 re f', '/Type/XObject/Subtype/Form/BBox[0 0 100 100]');
    for (const kind of ['/Subtype/Widget/FT/Tx/T(a)/V(x)', '/Subtype/Stamp']) {
      const note = `<</Type/Annot${kind}/F 4/Rect[0 0 200 200]/AP<</N 6 0 R>>>>`;
      const form: PageForm = {
        catalogue: '/AcroForm<</Fields[5 0 R]>>',
        page: '/Annots[5 0 R]',
        further: [note, look],
      };
      expect([kind, ...half(onePage(RED_AND_BLUE, form))]).toEqual([kind, GREEN, BLUE]);
    }
  });

  it('with its pictures, also where one is cut short', async () => {
    const jpeg = Buffer.from((await redAndBlue(64, 32)).jpegsaveBuffer());
    const form = '/Width 64/Height 32/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/DCTDecode';
    expect(half(pictured(jpeg, form))).toEqual([RED, BLUE]);
    // The decoder of JPEG jumps out of what it cannot read: the page is there, whatever is seen of the picture.
    for (const part of [20, 200, jpeg.length - 20]) {
      expect(seen(pictured(jpeg.subarray(0, part), form)).sides).toEqual([64, 32]);
    }
    const noise = Buffer.from(jpeg);
    for (let at = 160; at < noise.length; at++) noise[at] = (at * 7919) & 255;
    expect(seen(pictured(noise, form)).sides).toEqual([64, 32]);
  });

  it('with words in a font that it does not bring, and is nowhere', () => {
    const words = `BT /F 200 Tf 0 20 Td (HHH) Tj ET`;
    for (const font of ['Helvetica', 'NoSuchFont-Bold', 'SimSun', 'ABCDEF+Broken']) {
      for (const kind of ['/Subtype/Type1', '/Subtype/TrueType/FontDescriptor 6 0 R']) {
        const further = [
          `<</Type/Font${kind}/BaseFont/${font}>>`,
          `<</Type/FontDescriptor/FontName/${font}/Flags 32/FontFile2 7 0 R>>`,
          streamOf('no font at all'),
        ];
        const { at } = seen(onePage(words, { resources: '<</Font<</F 5 0 R>>>>', further }));
        const dark = Array.from({ length: 64 }, (_, x) => at(x / 63, 0.5)).filter((colour) => colour !== WHITE);
        expect([font, kind, dark.length > 0]).toEqual([font, kind, true]);
      }
    }
  });

  it('though its table is gone, and though it is locked against changes only', () => {
    expect(half(onePage(RED_AND_BLUE, { xref: false }))).toEqual([RED, BLUE]);
    expect(half(lockedAgainstChanges())).toEqual([RED, BLUE]);
  });

  it.each([
    ['14,400 units', '[0 0 14400 14400]', [64, 64]],
    ['a thousand million units', '[0 0 1000000000 1000000000]', [64, 64]],
    ['all that a number holds', '[-2147483648 -2147483648 2147483647 2147483647]', [64, 64]],
    ['a line', '[0 0 1000000 0.001]', [64, 1]],
    ['nothing', '[0 0 0 0]', [49, 64]],
    ['no numbers', '[0 0 1e99999 nan]', [49, 64]],
  ])('in no more pixels than asked for, where its sides are %s', (_, box, sides) => {
    expect(seen(onePage(RED_AND_BLUE, { box })).sides).toEqual(sides);
  });

  it('and nothing that it would run or fetch is run or fetched', () => {
    const address = 'http://127.0.0.1:9/x';
    const image = `/Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceRGB`;
    const form: PageForm = {
      catalogue: `/OpenAction<</S/JavaScript/JS(app.launchURL\\("${address}"\\); while \\(true\\);)>>/AcroForm<</XFA 6 0 R/Fields[]>>`,
      page: `/AA<</O<</S/Launch/F(/bin/sh)>>>>/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(${address})>>>>]`,
      resources: '<</XObject<</I 5 0 R/F 7 0 R>>>>',
      further: [
        streamOf('', `${image}/F<</FS/URL/F(${address})>>/FFilter/FlateDecode`),
        streamOf(`<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><script>while (true);</script></xdp:xdp>`),
        streamOf('', `${image}/F(/etc/passwd)`),
      ],
    };
    const page = onePage(`${RED_AND_BLUE} q 1 0 0 1 0 0 cm /I Do /F Do Q`, form);
    expect(half(page)).toEqual([RED, BLUE]);
  });
});

describe('no page is drawn', () => {
  const pages = (kids: string) => ['<</Type/Catalog/Pages 2 0 R>>', `<</Type/Pages/${kids}>>`];
  it.each<[string, Buffer]>([
    ['is none but by its first bytes', Buffer.from('%PDF-1.7 and nothing else')],
    ['ends early', onePage(RED_AND_BLUE).subarray(0, 250)],
    ['has no page', pdfOf(pages('Kids[]/Count 0'))],
    ['says that it has a page', pdfOf(pages('Kids[]/Count 1'))],
    ['has pages that are each other’s', pdfOf(pages('Kids[2 0 R 2 0 R]/Count 2'))],
    ['has a number for its page', pdfOf([...pages('Kids[3 0 R]/Count 1'), '7'])],
  ])('of what %s', (_, bytes) => {
    expect(draw(bytes)).toBe('broken');
  });

  it('of what asks for a password', () => {
    expect(draw(lockedPdf())).toBe('locked');
  });

  const blank = (bytes: number) => deflateSync(Buffer.alloc(bytes, 32), { level: 9 });
  const flate = '/Filter/FlateDecode';
  const nested = Array.from({ length: 24 }, (_, nth) =>
    streamOf(
      '/F Do '.repeat(4),
      `/Type/XObject/Subtype/Form/BBox[0 0 400 200]/Resources<</XObject<</F ${6 + nth} 0 R>>>>`,
    ),
  );
  const table = (rows: number) =>
    streamOf(blank(rows * 3), `/Type/XRef/Size ${rows}/W[1 1 1]/Index[0 ${rows}]/Root 2 0 R${flate}`);
  const bombs: [string, () => Buffer][] = [
    ['words that unpack', () => onePage(streamOf(blank(40_000_000), flate))],
    [
      'words that unpack twice',
      () => onePage(streamOf(deflateSync(blank(40_000_000)), '/Filter[/FlateDecode/FlateDecode]')),
    ],
    [
      'a table that unpacks',
      () => Buffer.concat([Buffer.from('%PDF-1.7\n1 0 obj\n'), table(13_000_000), END_OF_TABLE]),
    ],
    ['forms of forms of forms', () => onePage('/F Do', { resources: '<</XObject<</F 5 0 R>>>>', further: nested })],
    ['a state within a state', () => onePage('q '.repeat(500_000))],
  ];
  it.each(bombs)('of a bomb: %s', (_, bomb) => {
    expect(() => draw(bomb())).toThrow(RangeError);
  });

  it('for ever: with other bytes here and there it is drawn, or refused', async () => {
    const jpeg = Buffer.from((await redAndBlue(16, 8)).jpegsaveBuffer());
    const whole = onePage(
      streamOf(deflateSync(Buffer.from(`${RED_AND_BLUE} /I Do BT /F 40 Tf 0 20 Td (Tessera) Tj ET`)), flate),
      {
        catalogue: '/AcroForm<</Fields[5 0 R]/NeedAppearances true>>',
        page: '/Annots[5 0 R]',
        resources: '<</Font<</F 6 0 R>>/XObject<</I 7 0 R>>>>',
        further: [
          '<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(written)/DA(/F 9 Tf)/F 4/Rect[0 0 200 200]>>',
          '<</Type/Font/Subtype/Type1/BaseFont/Nowhere>>',
          streamOf(
            jpeg,
            '/Type/XObject/Subtype/Image/Width 16/Height 8/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/DCTDecode',
          ),
        ],
      },
    );
    const ends: string[] = [];
    for (let nth = 0; nth < 60; nth++) {
      const bytes = Buffer.from(whole);
      for (const step of [0, 7919])
        bytes[(Math.floor((nth * whole.length) / 60) + nth * step) % whole.length]! ^= 1 + (nth & 31);
      try {
        const page = draw(bytes, 16);
        ends.push(typeof page === 'string' ? page : 'drawn');
      } catch (error) {
        ends.push((error as Error).constructor.name);
      }
    }
    expect(ends.filter((end) => end === 'drawn').length).toBeGreaterThan(10);
    expect(ends.filter((end) => !['drawn', 'broken', 'locked', 'RangeError'].includes(end))).toEqual([]);
  });

  it('from a picture that says that it is of a million million pixels', () => {
    const form = '/Width 2000000000/Height 2000000000/BitsPerComponent 8/ColorSpace/DeviceRGB';
    expect(half(pictured('x', form))).toEqual([WHITE, WHITE]);
  });

  it('where the file alone is larger than its memory', () => {
    expect(() => draw(Buffer.concat([onePage(RED_AND_BLUE), Buffer.alloc(MOST_PAGES * 65_536)]))).toThrow(RangeError);
  });
});

/** The standard lock of 40 bits for an owner’s password; the reader’s is empty, so that anybody opens it. */
function lockedAgainstChanges(): Buffer {
  const pad = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');
  const md5 = (...parts: Buffer[]) => createHash('md5').update(Buffer.concat(parts)).digest();
  const owner = rc4(md5(pad).subarray(0, 5), pad);
  const id = Buffer.alloc(16, 7);
  const permissions = Buffer.alloc(4);
  permissions.writeInt32LE(-44);
  const key = md5(pad, owner, permissions, id).subarray(0, 5);
  const user = rc4(key, pad);
  const ofStream = md5(key, Buffer.from([4, 0, 0, 0, 0])).subarray(0, 10);
  const trailer = `/Encrypt<</Filter/Standard/V 1/R 2/O<${owner.toString('hex')}>/U<${user.toString('hex')}>/P -44>>/ID[<${id.toString('hex')}><${id.toString('hex')}>]`;
  return onePage(streamOf(rc4(ofStream, Buffer.from(RED_AND_BLUE))), { trailer });
}

function rc4(key: Buffer, bytes: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_, at) => at);
  const swap = (a: number, b: number) => ([state[a], state[b]] = [state[b]!, state[a]!]);
  for (let at = 0, other = 0; at < 256; at++) {
    other = (other + state[at]! + key[at % key.length]!) & 255;
    swap(at, other);
  }
  let [at, other] = [0, 0];
  return Buffer.from(
    bytes.map((byte) => {
      at = (at + 1) & 255;
      other = (other + state[at]!) & 255;
      swap(at, other);
      return byte ^ state[(state[at]! + state[other]!) & 255]!;
    }),
  );
}
