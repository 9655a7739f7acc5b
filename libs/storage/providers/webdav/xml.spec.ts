import { describe, expect, it } from 'vitest';
import { readXml, XmlUnreadable } from './xml.js';

describe('The XML of servers', () => {
  it('is read with its namespaces, however they are spelt', () => {
    const texts = [
      '<?xml version="1.0"?><!-- hello --><D:a xmlns:D="DAV:"><D:b>x</D:b></D:a>',
      '<a xmlns="DAV:"><b>x</b></a>',
      "\n<p:a xmlns:p='DAV:' q='>'\n><z:b xmlns:z='DAV:' >x</z:b ></p:a>\n",
      '<a xmlns="other" xmlns:d="DAV:"/>',
    ].map((text) => readXml(text));
    for (const root of texts.slice(0, 3)) {
      expect(root).toMatchObject({ space: 'DAV:', name: 'a', children: [{ space: 'DAV:', name: 'b', text: 'x' }] });
    }
    expect(texts[3]).toMatchObject({ space: 'other', children: [] });
  });

  it('may hold entities of XML itself, and raw text', () => {
    expect(readXml('<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;<![CDATA[<&]]></a>').text).toBe('<&>"\'A😀<&');
  });

  it.each([
    ['nothing', ''],
    ['text alone', 'hello'],
    ['a document type', '<!DOCTYPE a><a/>'],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ['an entity that nobody knows', '<a>&b;</a>'],
    ['an entity without an end', '<a>&amp</a>'],
    ['a character beyond all', '<a>&#x110000;</a>'],
    ['a file of the server', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
    ['a page for people', '<html><br></html>'],
    ['tags that cross', '<a><b></a></b>'],
    ['what is cut off', '<a><b>'],
    ['what is cut off in a tag', '<a><b'],
    ['what is cut off in a comment', '<a><!-- '],
    ['two roots', '<a/><b/>'],
    ['a stray end', '</a>'],
    ['a thousand levels', '<a>'.repeat(1000) + '</a>'.repeat(1000)],
    ['a tag without an end, long', '<a' + ' b="c"'.repeat(50_000)],
    ['attributes that never come to their point', `<a ${'b '.repeat(100_000)}>`],
  ])('is refused when it is %s', (_what, text) => {
    const begun = performance.now();
    expect(() => readXml(text)).toThrow(XmlUnreadable);
    expect(performance.now() - begun).toBeLessThan(500);
  });
});
