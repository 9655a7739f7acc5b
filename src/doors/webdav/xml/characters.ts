import { DavUnreadable } from '../faults.js';

/** A name without a colon, as XML has it. */
const START =
  'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}' +
  '\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}';
export const NAME = `[${START}][${START}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]{0,254}`;

/** What no XML may hold, not even written as a number. */
// oxlint-disable-next-line no-control-regex -- the range is the point
const ODD = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function refuseXml(what: string): never {
  throw new DavUnreadable(`The XML of the body ${what}.`);
}

export function refuseOddCharacters(text: string): void {
  if (ODD.test(text)) refuseXml('holds a character that no XML has');
}

/** UTF-8, or UTF-16 as its first bytes tell; a document that says that it is written otherwise is refused. */
export function textOf(bytes: Buffer): string {
  const sixteen = sixteenBits(bytes);
  let text: string;
  try {
    text = new TextDecoder(sixteen ?? 'utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuseXml('is not UTF-8');
  }
  const told = /^<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']/.exec(text)?.[1]?.toLowerCase();
  const fits = told === undefined || (sixteen === null ? /^(utf-?8|us-ascii)$/ : /^utf-?16/).test(told);
  return fits ? text.replaceAll(/\r\n?/g, '\n') : refuseXml('is in an encoding other than UTF-8 and UTF-16');
}

function sixteenBits(bytes: Buffer): 'utf-16le' | 'utf-16be' | null {
  const first = bytes.length < 2 ? 0 : bytes.readUInt16BE(0);
  if (first === 0xfffe || first === 0x3c00) return 'utf-16le';
  return first === 0xfeff || first === 0x003c ? 'utf-16be' : null;
}

const ENTITY = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/y;

/** Only the five entities that need no declaration, and characters by their number. */
export function decodeText(text: string): string {
  let decoded = '';
  let at = 0;
  for (let next = text.indexOf('&'); next !== -1; next = text.indexOf('&', at)) {
    ENTITY.lastIndex = next;
    const [, name, decimal, hex] = ENTITY.exec(text) ?? [];
    const character =
      name === undefined ? ofNumber(Number.parseInt(decimal ?? hex ?? '', decimal ? 10 : 16)) : NAMED[name];
    if (character === undefined) refuseXml('names an entity that nothing declares');
    decoded += text.slice(at, next) + character;
    at = ENTITY.lastIndex;
  }
  return at === 0 ? text : decoded + text.slice(at);
}

function ofNumber(code: number): string | undefined {
  if (Number.isNaN(code) || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  const character = String.fromCodePoint(code);
  return ODD.test(character) ? undefined : character;
}

/** Names may hold what no XML may: it is shown as what cannot be shown. */
export function showable(name: string): string {
  return ODD.test(name) ? name.replaceAll(new RegExp(ODD, 'gu'), '\u{FFFD}') : name;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(text: string): string {
  return /[&<>"]/.test(text) ? text.replaceAll(/[&<>"]/g, (sign) => ESCAPES[sign]!) : text;
}
