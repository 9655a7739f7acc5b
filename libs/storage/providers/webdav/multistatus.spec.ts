import { describe, expect, it } from 'vitest';
import { ConnectionAway } from '../../errors.js';
import { childrenOf, nameOf, readMultistatus } from './multistatus.js';

const response = (href: string, ...groups: [status: string, props: string][]) =>
  `<d:response><d:href>${href}</d:href>${groups
    .map(([status, props]) => `<d:propstat><d:prop>${props}</d:prop><d:status>${status}</d:status></d:propstat>`)
    .join('')}</d:response>`;
const multistatus = (...responses: string[]) => `<d:multistatus xmlns:d="DAV:">${responses.join('')}</d:multistatus>`;
const ok = 'HTTP/1.1 200 OK';
const missing = 'HTTP/1.1 404 Not Found';
const collection = '<d:resourcetype><d:collection/></d:resourcetype>';
const file = (length: number) => `<d:resourcetype/><d:getcontentlength>${length}</d:getcontentlength>`;

describe('What a server says of its files', () => {
  it('is taken from the group that is there, wherever it stands', () => {
    const text = multistatus(
      response('/dav/a', [missing, '<d:getetag/>'], [ok, file(7)]),
      response('/dav/b', [ok, file(8)], [missing, '<d:getcontentlength>9</d:getcontentlength>']),
      response('http://elsewhere.example/dav/caf%C3%A9/', ['HTTP/2 200', collection]),
    );
    expect(readMultistatus(text)).toMatchObject([
      { path: '/dav/a', folder: false, length: 7 },
      { path: '/dav/b', folder: false, length: 8 },
      { path: '/dav/café', folder: true, length: null },
    ]);
  });

  it.each([
    ['-1', null],
    ['-2', null],
    ['-3', null],
    ['', null],
    ['1e3', null],
    ['99999999999999999999', null],
    ['0', 0],
    [' 12345 ', 12345],
  ])('knows that a quota of %j is %j', (told, meant) => {
    const text = multistatus(response('/', [ok, `<d:quota-available-bytes>${told}</d:quota-available-bytes>`]));
    expect(readMultistatus(text)[0]?.quotaAvailable).toBe(meant);
  });

  it('leaves out what is not there, and names that nobody can decode', () => {
    const gone = `<d:response><d:href>/gone</d:href><d:status>${missing}</d:status></d:response>`;
    expect(readMultistatus(multistatus(gone, response('/%ff', [ok, file(1)])))).toEqual([]);
  });

  it.each(['', '<html/>', '<multistatus/>', '<d:multistatus xmlns:d="other"/>', 'Bad Gateway'])(
    'is no absence when it cannot be read: %j',
    (text) => expect(() => readMultistatus(text)).toThrow(ConnectionAway),
  );

  it.each([
    ['/dav/f', ['/dav/f/', '/dav/f/a', '/dav/f/b']],
    ['/dav/f', ['/dav/f/a', '/dav/f/', '/dav/f/b']],
    ['/outside/dav/f', ['/inside/f/', '/inside/f/a', '/inside/f/b']],
    ['/dav/f', ['/dav/f/a', '/dav/f/b']],
  ])('tells what lies in %s from the folder itself: %j', (asked, hrefs) => {
    const text = multistatus(...hrefs.map((href) => response(href, [ok, href.endsWith('/') ? collection : file(1)])));
    expect(childrenOf(readMultistatus(text), asked).map(nameOf)).toEqual(['a', 'b']);
  });
});
