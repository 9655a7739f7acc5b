/** By which loader of the library a picture is read; a PDF's first page is drawn by another library. */
export type Loader = 'Jpeg' | 'Png' | 'Nsgif' | 'Webp' | 'Tiff' | 'Heif' | 'Pdf';

/** Enough to tell what a file is. */
export const TELLING_BYTES = 16;

const BEGINNINGS: readonly { readonly loader: Loader; readonly at?: number; readonly bytes: string }[] = [
  { loader: 'Jpeg', bytes: '\xff\xd8\xff' },
  { loader: 'Png', bytes: '\x89PNG\r\n\x1a\n' },
  { loader: 'Nsgif', bytes: 'GIF87a' },
  { loader: 'Nsgif', bytes: 'GIF89a' },
  { loader: 'Webp', at: 8, bytes: 'WEBP' },
  { loader: 'Tiff', bytes: 'II*\0' },
  { loader: 'Tiff', bytes: 'MM\0*' },
  { loader: 'Heif', at: 4, bytes: 'ftypavif' },
  { loader: 'Heif', at: 4, bytes: 'ftypavis' },
  { loader: 'Pdf', bytes: '%PDF-' },
];

/**
 * What its first bytes say that a file is, whatever its name and its type say: the one loader that they name reads all of it.
 * Null for what no preview is made of; SVG is among that, since it is a program more than a picture.
 */
export function loaderFor(beginning: Buffer): Loader | null {
  const text = beginning.toString('latin1', 0, TELLING_BYTES);
  return BEGINNINGS.find(({ at = 0, bytes }) => text.startsWith(bytes, at))?.loader ?? null;
}
