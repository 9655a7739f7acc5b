import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DavUnreadable } from '../faults.js';
import { readXml, type XmlElement } from './read-xml.js';
import { writeXml } from './write-xml.js';

const read = (text: string) => readXml(Buffer.from(text));

describe('XML', () => {
  it.each<[string, string, Partial<XmlElement>]>([
    ['an element alone', '<a/>', { name: 'a', space: '', children: [] }],
    ['a default namespace', '<a xmlns="DAV:"><b/></a>', { space: 'DAV:' }],
    ['a prefix', '<D:a xmlns:D="DAV:"/>', { name: 'a', space: 'DAV:', prefix: 'D' }],
    ['a declaration, comments and instructions', '<?xml version="1.0"?><!-- < --><?x y?><a/>\n', { name: 'a' }],
    ['entities', '<a>&lt;&amp;&#65;&#x10000;</a>', { children: ['<&A\u{10000}'] }],
    ['a section of plain text', '<a>b<![CDATA[<c>&amp;]]>d</a>', { children: ['b<c>&amp;d'] }],
    ['an attribute in either quotes', `<a b='"' c="'"/>`, { name: 'a' }],
    ['letters of any script', '<ключ>значение</ключ>', { name: 'ключ', children: ['значение'] }],
    ['thirty-two levels', '<a>'.repeat(32) + '</a>'.repeat(32), { name: 'a' }],
  ])('is read: %s', (_, text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  it.each([
    ['big end first', Buffer.from('\ufeff<a>é</a>', 'utf16le').swap16()],
    ['little end first', Buffer.from('\ufeff<a>é</a>', 'utf16le')],
    ['little end first, unmarked', Buffer.from('<a>é</a>', 'utf16le')],
  ])('is read in UTF-16, %s', (_, bytes) => {
    expect(readXml(bytes).children).toEqual(['é']);
  });

  const bomb = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>';
  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['blanks', ' \n '],
    ['text alone', 'a'],
    ['an entity bomb', bomb],
    ['an outer entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['an outer entity of the document', '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/">]><a>&x;</a>'],
    ['a document type in a document', '<a><!DOCTYPE a></a>'],
    ['an entity that nothing declares', '<a>&nbsp;</a>'],
    ['an entity without its end', '<a>&amp</a>'],
    ['a bare ampersand', '<a>a & b</a>'],
    ['NUL by its number', '<a>&#0;</a>'],
    ['half a character by its number', '<a>&#xD800;</a>'],
    ['a number beyond all characters', '<a>&#x110000;</a>'],
    ['a control character', '<a>\u0001</a>'],
    ['no UTF-8', Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])],
    ['another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?><a/>'],
    ['two elements', '<a/><b/>'],
    ['text after it', '<a/>b'],
    ['a section outside', '<![CDATA[x]]><a/>'],
    ['what does not end', '<a>'],
    ['a comment that does not end', '<a><!-- </a>'],
    ['what closes another', '<a><b></a></b>'],
    ['what closes nothing', '</a>'],
    ['a closing tag with an attribute', '<a></a b="c">'],
    ['an attribute without quotes', '<a b=c/>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['< in an attribute', '<a b="<"/>'],
    ['a prefix that nothing declares', '<D:a/>'],
    ['a prefix without a namespace', '<a xmlns:D=""/>'],
    ['a prefix that is taken', '<a xmlns:xml="urn:x"/>'],
    ['a name that begins with a digit', '<1a/>'],
    ['a name of two colons', '<a:b:c xmlns:a="x"/>'],
    ['thirty-three levels', '<a>'.repeat(33) + '</a>'.repeat(33)],
    ['a hundred thousand levels', '<a>'.repeat(100_000)],
    ['too many elements', `<a>${'<b/>'.repeat(10_001)}</a>`],
  ])('is refused: %s', (_, text) => {
    expect(() => readXml(Buffer.from(text))).toThrow(DavUnreadable);
  });

  it('is looked through in about one pass, whatever it is made of', () => {
    const began = performance.now();
    const size = 1024 * 1024;
    for (const text of [
      '<'.repeat(size),
      `<a ${'b="c" '.repeat(size / 6)}`,
      `<a>${'&'.repeat(size)}`,
      `<a${' '.repeat(size)}`,
      `<a>${'<!-- -->'.repeat(size / 8)}</a>`,
      `<a ${'b '.repeat(size / 2)}>`,
      `<${'a'.repeat(size)}>`,
    ]) {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(DavUnreadable);
      }
    }
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('is written so that it is read as the same', () => {
    const name = fc.constantFrom('a', 'b-c', 'é', '_x');
    const spaces = { '': ['', 'urn:1'], p: ['urn:1', 'urn:"2"'], q: ['DAV:', 'urn:&3'] };
    const tag = fc
      .constantFrom<keyof typeof spaces>('', 'p', 'q')
      .chain((prefix) => fc.record({ prefix: fc.constant(prefix), space: fc.constantFrom(...spaces[prefix]), name }));
    const words = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => !/[^\t\n\u0020-\ud7ff\ue000-\ufffd]/.test(text));
    const attribute = fc.record({
      prefix: fc.constant(''),
      space: fc.constant(''),
      name: fc.constantFrom('x', 'y'),
      value: words,
    });
    const attributes = fc.uniqueArray(attribute, { maxLength: 2, selector: (one) => one.name });
    const { element } = fc.letrec<{ element: XmlElement }>((tie) => ({
      element: fc
        .tuple(
          tag,
          attributes,
          fc.oneof(
            { maxDepth: 3 },
            fc.constant([]),
            words.map((one) => [one]),
            fc.array(tie('element'), { maxLength: 3 }),
          ),
        )
        .map(([one, given, children]) => ({
          ...one,
          attributes: given,
          children: children as (string | XmlElement)[],
        })),
    }));
    fc.assert(
      fc.property(element, (one) => {
        expect(read(writeXml(one))).toEqual(one);
      }),
    );
  });
});
