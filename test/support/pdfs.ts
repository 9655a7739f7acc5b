/** PDFs by hand: their objects in order, the first of which is the catalogue. */
type Written = string | Buffer;

export interface PdfForm {
  /** What the trailer says beside the size and the root. */
  readonly trailer?: string;
  /** Without it the places of the objects have to be found by looking for them. */
  readonly xref?: boolean;
}

export function pdfOf(objects: readonly Written[], { trailer = '', xref = true }: PdfForm = {}): Buffer {
  const parts = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  const places: number[] = [];
  let at = parts[0]!.length;
  for (const [nth, object] of objects.entries()) {
    places.push(at);
    const part = Buffer.concat([
      Buffer.from(`${nth + 1} 0 obj\n`),
      Buffer.from(object as string, 'latin1'),
      Buffer.from('\nendobj\n'),
    ]);
    parts.push(part);
    at += part.length;
  }
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  const table = xref ? `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}` : '';
  const start = xref ? at : 99_999_999;
  const end = `trailer\n<</Size ${objects.length + 1}/Root 1 0 R${trailer}>>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.concat([...parts, Buffer.from(table + end, 'latin1')]);
}

export function streamOf(data: Written, dictionary = ''): Buffer {
  const bytes = Buffer.from(data as string, 'latin1');
  const head = Buffer.from(`<</Length ${bytes.length}${dictionary}>>\nstream\n`, 'latin1');
  return Buffer.concat([head, bytes, Buffer.from('\nendstream')]);
}

export interface PageForm extends PdfForm {
  readonly box?: string;
  readonly resources?: string;
  /** What the page's and the catalogue's dictionaries say further. */
  readonly page?: string;
  readonly catalogue?: string;
  /** Objects from the fifth on. */
  readonly further?: readonly Written[];
}

/** Left half red, right half blue. */
export const RED_AND_BLUE = '1 0 0 rg 0 0 200 200 re f 0 0 1 rg 200 0 200 200 re f';

/** One page, of 400 by 200 points unless told otherwise; what it shows is a stream, or the words of one. */
export function onePage(content: Written, form: PageForm = {}): Buffer {
  const { box = '[0 0 400 200]', resources = '<<>>', page = '', catalogue = '', further = [] } = form;
  return pdfOf(
    [
      `<</Type/Catalog/Pages 2 0 R${catalogue}>>`,
      '<</Type/Pages/Kids[3 0 R]/Count 1>>',
      `<</Type/Page/Parent 2 0 R/MediaBox${box}/Contents 4 0 R/Resources${resources}${page}>>`,
      Buffer.isBuffer(content) ? content : streamOf(content),
      ...further,
    ],
    form,
  );
}

/** A page that is one picture, under the filters and the colours that its dictionary says. */
export function pictured(data: Written, dictionary: string): Buffer {
  const further = [streamOf(data, `/Type/XObject/Subtype/Image${dictionary}`)];
  return onePage('400 0 0 200 0 0 cm /I Do', { resources: '<</XObject<</I 5 0 R>>>>', further });
}

/** A pattern whose tiles nobody finishes painting. */
export const endlessPage = (): Buffer =>
  onePage('/Pattern cs /P scn 0 0 400 200 re f', {
    resources: '<</Pattern<</P 5 0 R>>>>',
    further: [
      streamOf(
        '1 0 0 rg 0 0 1 1 re f',
        '/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 0.001 0.001]/XStep 0.0001/YStep 0.0001/Resources<<>>',
      ),
    ],
  });

/** Wants a password: the standard lock, and answers that no password fits. */
export const lockedPdf = (): Buffer =>
  onePage(RED_AND_BLUE, {
    trailer: `/Encrypt<</Filter/Standard/V 1/R 2/O<${'00'.repeat(32)}>/U<${'11'.repeat(32)}>/P -4>>/ID[<00><00>]`,
  });
