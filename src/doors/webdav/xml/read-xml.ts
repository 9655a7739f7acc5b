import { DavUnreadable } from '../faults.js';
import { decodeText, NAME, refuseOddCharacters, refuseXml, textOf } from './characters.js';

export interface XmlAttribute {
  readonly prefix: string;
  readonly space: string;
  readonly name: string;
  readonly value: string;
}

/** An element with its namespace resolved. Prefixes are kept: what a program wrote down comes back as it wrote it. */
export interface XmlElement {
  readonly prefix: string;
  readonly space: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: (XmlElement | string)[];
}

const DEEPEST = 32;
/** A document of a mebibyte could hold hundreds of thousands; nobody asks for so much. */
const MOST_ELEMENTS = 10_000;
const XML_SPACE = 'http://www.w3.org/XML/1998/namespace';

const TAG = new RegExp(
  `<(/?)((?:${NAME}:)?${NAME})((?:\\s+(?:${NAME}:)?${NAME}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`,
  'uy',
);
const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

type Scope = ReadonlyMap<string, string>;

interface Open {
  readonly element: XmlElement;
  readonly tag: string;
  readonly scope: Scope;
}

/**
 * Reads a whole XML document in one pass. What could grow or reach out (document types, and with them entities of one's
 * own) is refused, and depth and number of elements are bounded, so that the size of the body bounds everything else.
 * Throws DavUnreadable.
 */
export function readXml(bytes: Buffer): XmlElement {
  const text = textOf(bytes);
  refuseOddCharacters(text);
  const reader = new Reader();
  for (let at = 0; at < text.length;) {
    const next = text.indexOf('<', at);
    reader.words(text.slice(at, next === -1 ? undefined : next));
    if (next === -1) break;
    at = /^<[?!]/.test(text.slice(next, next + 2)) ? reader.aside(text, next) : reader.tag(text, next);
  }
  return reader.whole();
}

class Reader {
  #root: XmlElement | null = null;
  #elements = 0;
  readonly #open: Open[] = [];

  words(text: string): void {
    if (text === '') return;
    const parent = this.#open.at(-1);
    if (parent) append(parent.element, decodeText(text));
    else if (text.trim() !== '') refuseXml('has text outside of its element');
  }

  /** A comment, a declaration, or a section whose text is taken as it stands. Answers where it ends. */
  aside(text: string, at: number): number {
    const kinds: [begin: string, end: string][] = [
      ['<!--', '-->'],
      ['<![CDATA[', ']]>'],
      ['<?', '?>'],
    ];
    const [begin, end] = kinds.find(([opening]) => text.startsWith(opening, at)) ?? [];
    if (begin === undefined) throw new DavUnreadable('The XML has a document type, which is not read here.');
    const until = text.indexOf(end!, at + begin.length);
    if (until === -1) refuseXml('does not end');
    if (begin === '<![CDATA[') {
      const parent = this.#open.at(-1) ?? refuseXml('has text outside of its element');
      append(parent.element, text.slice(at + begin.length, until));
    }
    return until + end!.length;
  }

  tag(text: string, at: number): number {
    TAG.lastIndex = at;
    const found = TAG.exec(text);
    if (!found) return refuseXml('has a tag that is none');
    const [, closing, tag = '', attributes = '', alone] = found;
    if (closing !== '') this.#close(tag, attributes + alone!);
    else this.#begin(tag, attributes, alone !== '');
    return TAG.lastIndex;
  }

  whole(): XmlElement {
    if (this.#open.length > 0) refuseXml('does not end');
    return this.#root ?? refuseXml('is empty');
  }

  #begin(tag: string, attributes: string, alone: boolean): void {
    const parent = this.#open.at(-1);
    if (this.#root !== null && !parent) refuseXml('has more than one element');
    if (this.#open.length >= DEEPEST) refuseXml(`is nested more than ${DEEPEST} levels deep`);
    this.#elements += 1;
    if (this.#elements > MOST_ELEMENTS) refuseXml(`has more than ${MOST_ELEMENTS} elements`);
    const given = attributesIn(attributes);
    const scope = scopeOf(parent?.scope ?? new Map([['xml', XML_SPACE]]), given);
    const element = { ...resolved(tag, scope, true), attributes: plainAttributes(given, scope), children: [] };
    if (parent) parent.element.children.push(element);
    else this.#root = element;
    if (!alone) this.#open.push({ element, tag, scope });
  }

  #close(tag: string, rest: string): void {
    if (rest !== '' || this.#open.pop()?.tag !== tag) refuseXml('has a tag that closes another');
  }
}

function append(element: XmlElement, words: string): void {
  const last = element.children.length - 1;
  const before = element.children[last];
  if (typeof before === 'string') element.children[last] = before + words;
  else element.children.push(words);
}

function attributesIn(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const [, name = '', quoted, single] of text.matchAll(ATTRIBUTE)) {
    if (given.has(name)) refuseXml('has an attribute twice');
    given.set(name, decodeText((quoted ?? single ?? '').replace(/[\t\r\n]/g, ' ')));
  }
  return given;
}

function scopeOf(outer: Scope, attributes: ReadonlyMap<string, string>): Scope {
  const declared = [...attributes].filter(([name]) => name === 'xmlns' || name.startsWith('xmlns:'));
  if (declared.length === 0) return outer;
  const scope = new Map(outer);
  for (const [name, space] of declared) {
    const prefix = name === 'xmlns' ? '' : name.slice('xmlns:'.length);
    if (prefix !== '' && space === '') refuseXml('takes a prefix’s namespace away');
    if (prefix === 'xmlns' || (prefix === 'xml') !== (space === XML_SPACE)) refuseXml('uses a prefix that is taken');
    scope.set(prefix, space);
  }
  return scope;
}

function plainAttributes(given: ReadonlyMap<string, string>, scope: Scope): XmlAttribute[] {
  return [...given]
    .filter(([name]) => name !== 'xmlns' && !name.startsWith('xmlns:'))
    .map(([name, value]) => ({ ...resolved(name, scope, false), value }));
}

/** An attribute without a prefix is in no namespace; an element without one is in the namespace that is usual there. */
function resolved(tag: string, scope: Scope, isElement: boolean): { prefix: string; space: string; name: string } {
  const [prefix, name] = tag.includes(':') ? (tag.split(':', 2) as [string, string]) : ['', tag];
  if (prefix === '') return { prefix, name, space: isElement ? (scope.get('') ?? '') : '' };
  const space = scope.get(prefix) ?? refuseXml('uses a prefix that nothing declares');
  return { prefix, name, space };
}
