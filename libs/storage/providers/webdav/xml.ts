/** An element with its namespace resolved; attributes other than namespaces are of no use to us. */
export interface XmlElement {
  readonly space: string;
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

export class XmlUnreadable extends Error {}

const deepest = 32;
const tag = /<(\/?)([^\s<>/="']{1,200})((?:\s+[^\s<>/="']{1,200}\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const attribute = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

type Scope = ReadonlyMap<string, string>;

interface Open {
  readonly element: XmlElement;
  readonly tag: string;
  readonly scope: Scope;
}

/**
 * As much of XML as servers answer with, in one pass. What could grow or reach out (document types, entities of
 * one's own) is refused, so that the size of the text bounds everything else.
 */
export function readXml(text: string): XmlElement {
  const root: XmlElement = { space: '', name: '', children: [], text: '' };
  const open: Open[] = [{ element: root, tag: '', scope: new Map([['xml', 'xml']]) }];
  for (let at = 0; at < text.length;) {
    const next = text.indexOf('<', at);
    const words = text.slice(at, next === -1 ? undefined : next);
    if (words !== '') open.at(-1)!.element.text += decode(words);
    if (next === -1) break;
    at = text.startsWith('<?', next) || text.startsWith('<!', next) ? skip(text, next, open) : step(text, next, open);
  }
  if (open.length !== 1 || root.children.length !== 1) throw new XmlUnreadable('not one whole element');
  return root.children[0]!;
}

function skip(text: string, at: number, open: Open[]): number {
  const ends: [begin: string, end: string][] = [
    ['<!--', '-->'],
    ['<?', '?>'],
    ['<![CDATA[', ']]>'],
  ];
  const [begin, end] = ends.find(([opening]) => text.startsWith(opening, at)) ?? [];
  const until = end === undefined ? -1 : text.indexOf(end, at + begin!.length);
  if (until === -1) throw new XmlUnreadable('a document type, or something that does not end');
  if (begin === '<![CDATA[') open.at(-1)!.element.text += text.slice(at + begin.length, until);
  return until + end!.length;
}

function step(text: string, at: number, open: Open[]): number {
  tag.lastIndex = at;
  const found = tag.exec(text);
  if (!found) throw new XmlUnreadable('a tag that is none');
  const [, closing, name = '', attributes = '', alone] = found;
  if (closing !== '') {
    if (open.length < 2 || open.pop()!.tag !== name) throw new XmlUnreadable('a tag closes another');
    return tag.lastIndex;
  }
  if (open.length > deepest) throw new XmlUnreadable('too deep');
  const parent = open.at(-1)!;
  const scope = scopeOf(parent.scope, attributes);
  const [prefix, local] = name.includes(':') ? name.split(':', 2) : ['', name];
  const element = { space: scope.get(prefix!) ?? '', name: local!, children: [], text: '' };
  parent.element.children.push(element);
  if (alone === '') open.push({ element, tag: name, scope });
  return tag.lastIndex;
}

function scopeOf(outer: Scope, attributes: string): Scope {
  if (!attributes.includes('xmlns')) return outer;
  const scope = new Map(outer);
  for (const [, name = '', double, single] of attributes.matchAll(attribute)) {
    if (name === 'xmlns') scope.set('', decode(double ?? single ?? ''));
    else if (name.startsWith('xmlns:')) scope.set(name.slice(6), decode(double ?? single ?? ''));
  }
  return scope;
}

function decode(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,10});?/g, (whole, entity: string) => {
    const code = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(entity);
    const point = code ? Number.parseInt(code[1] ?? code[2]!, code[1] === undefined ? 10 : 16) : Number.NaN;
    const meant = code ? (point <= 0x10ffff ? String.fromCodePoint(point) : undefined) : named[entity];
    if (meant === undefined || !whole.endsWith(';')) throw new XmlUnreadable('an entity that is not of XML itself');
    return meant;
  });
}
