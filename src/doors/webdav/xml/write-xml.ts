import { escapeXml } from './characters.js';
import type { XmlElement } from './read-xml.js';

type Scope = ReadonlyMap<string, string>;

/**
 * An element as it was, by itself: it declares every namespace that it uses, so that it may stand in any document whose own
 * default namespace is none.
 */
export function writeXml(element: XmlElement): string {
  return write(element, new Map([['', '']]));
}

function write(element: XmlElement, outer: Scope): string {
  const scope = new Map(outer);
  const declarations: string[] = [];
  const declare = (prefix: string, space: string): void => {
    if (prefix === 'xml' || scope.get(prefix) === space) return;
    scope.set(prefix, space);
    declarations.push(` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeXml(space)}"`);
  };
  declare(element.prefix, element.space);
  for (const { prefix, space } of element.attributes) if (prefix !== '') declare(prefix, space);
  const tag = qualified(element);
  const attributes = element.attributes.map(
    (attribute) => ` ${qualified(attribute)}="${inAttribute(attribute.value)}"`,
  );
  const head = `<${tag}${declarations.join('')}${attributes.join('')}`;
  if (element.children.length === 0) return `${head}/>`;
  const inner = element.children.map((child) => (typeof child === 'string' ? inText(child) : write(child, scope)));
  return `${head}>${inner.join('')}</${tag}>`;
}

const qualified = ({ prefix, name }: { prefix: string; name: string }): string =>
  prefix === '' ? name : `${prefix}:${name}`;

/** A bare carriage return, which only a number can have brought in, would be read as a line's end. */
const inText = (text: string): string => escapeXml(text).replaceAll('\r', '&#13;');
const inAttribute = (text: string): string => inText(text).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
