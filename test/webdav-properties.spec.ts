import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../src/database/index.js';
import { DavClient, shownIn, textOf } from './support/dav.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let client: DavClient;
beforeAll(async () => {
  gateway = await startGateway();
  client = new DavClient(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

const update = (inner: string): string =>
  `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:z">${inner}</D:propertyupdate>`;
const set = (inner: string): string => `<D:set><D:prop>${inner}</D:prop></D:set>`;
const remove = (inner: string): string => `<D:remove><D:prop>${inner}</D:prop></D:remove>`;
const patch = (path: string, inner: string) => client.dav('PROPPATCH', path, { body: update(inner) });
const ask = async (path: string, body: string, depth = '0') => {
  const answer = await client.dav('PROPFIND', path, { body, headers: { Depth: depth } });
  expect(answer.status).toBe(207);
  return { shown: shownIn(answer.body), text: answer.body.toString() };
};
const asking = (inner: string): string => `<propfind xmlns="DAV:" xmlns:Z="urn:z">${inner}</propfind>`;

describe('what a program notes down', () => {
  it('comes back as it was, with its language, its attributes and its markup', async () => {
    await client.put('noted', 'x');
    const value =
      '<Z:author xml:lang="de" role="a&amp;b">Jörg <Z:b xmlns:Y="urn:y" Y:c="d">&lt;&#x1F600;</Z:b><e xmlns=""/></Z:author>';
    expect((await patch('noted', set(value))).status).toBe(207);
    const { text } = await ask('noted', asking('<prop><Z:author/></prop>'));
    expect(text).toContain(
      '<Z:author xmlns:Z="urn:z" xml:lang="de" role="a&amp;b">Jörg <Z:b xmlns:Y="urn:y" Y:c="d">&lt;\u{1F600}</Z:b><e/></Z:author>',
    );
  });

  it('goes where its file goes, is copied with it, and not kept for what comes after', async () => {
    await client.put('here/file', 'x');
    await patch('here/file', set('<Z:a>1</Z:a>'));
    await patch('here', set('<Z:a>of the folder</Z:a>'));
    await client.move('here', 'there');
    await client.json('POST', '/api/copy', { from: 'there', to: 'copied' });
    for (const path of ['there/file', 'copied/file']) {
      expect(textOf((await ask(path, asking('<prop><Z:a/></prop>'))).shown[0]!.found.get('a'))).toBe('1');
    }
    expect(textOf((await ask('copied', asking('<prop><Z:a/></prop>'))).shown[0]!.found.get('a'))).toBe('of the folder');
    await client.remove('there/file');
    await client.put('there/file', 'another');
    expect((await ask('there/file', asking('<prop><Z:a/></prop>'))).shown[0]!.missing).toEqual(['a']);
  });

  it('stays with a file that is written over, and is replaced by a copy’s', async () => {
    await client.put('original', 'x');
    await client.put('target', 'y');
    await patch('target', set('<Z:old/>'));
    await patch('original', set('<Z:new/>'));
    await client.put('target', 'z');
    expect((await ask('target', asking('<propname/>'))).shown[0]!.found.has('old')).toBe(true);
    await client.dav('COPY', 'original', { headers: { Destination: `${gateway.url}/dav/target` } });
    const { found } = (await ask('target', asking('<propname/>'))).shown[0]!;
    expect([found.has('old'), found.has('new')]).toEqual([false, true]);
  });

  it('is changed in the order of the request, all of it or nothing', async () => {
    await client.put('ordered', 'x');
    await patch('ordered', set('<Z:a>1</Z:a><Z:b>1</Z:b>') + remove('<Z:a/>') + set('<Z:b>2</Z:b>'));
    const { shown } = await ask('ordered', asking('<prop><Z:a/><Z:b/></prop>'));
    expect([shown[0]!.missing, textOf(shown[0]!.found.get('b'))]).toEqual([['a'], '2']);
    const answer = await patch('ordered', set('<Z:b>3</Z:b><D:getetag>"mine"</D:getetag>'));
    expect(answer.body.toString()).toMatch(/<D:getetag\/><\/D:prop><D:status>HTTP\/1.1 403 [^]*<x:b [^]*424 /);
    expect(textOf((await ask('ordered', asking('<prop><Z:b/></prop>'))).shown[0]!.found.get('b'))).toBe('2');
  });

  it('is bounded for each file', async () => {
    await client.put('bounded', 'x');
    const large = 'x'.repeat(60_000);
    expect((await patch('bounded', set(`<Z:a>${large}</Z:a>`))).body.toString()).toContain('200 OK');
    expect((await patch('bounded', set(`<Z:b>${large}</Z:b>`))).body.toString()).toContain('507 ');
    const many = Array.from({ length: 101 }, (_, nth) => `<Z:p${nth}/>`).join('');
    expect((await patch('bounded', set(many))).body.toString()).toContain('507 ');
    expect((await ask('bounded', asking('<propname/>'))).shown[0]!.found.has('b')).toBe(false);
  });

  it('is nobody else’s', async () => {
    await client.put('private', 'x');
    await patch('private', set('<Z:secret>s</Z:secret>'));
    using theirs = new DavClient(gateway, (await newPerson(gateway, client.token, ['user'])).token);
    expect((await theirs.dav('PROPFIND', 'private', { headers: { Depth: '0' } })).status).toBe(404);
    expect((await theirs.dav('PROPPATCH', 'private', { body: update(set('<Z:a/>')) })).status).toBe(404);
  });
});

describe('a file’s time', () => {
  it('is set as ownCloud’s clients do, in a new version that holds the same bytes', async () => {
    await client.put('times/timed', 'bytes', { 'X-OC-Mtime': '1000000000' });
    const answer = await patch('times/timed', set('<D:lastmodified>1100000000</D:lastmodified><Z:beside/>'));
    expect(answer.body.toString()).toContain('200 OK');
    const [shown] = await client.propfind('times/timed', 0);
    expect(textOf(shown!.found.get('getlastmodified'))).toBe('Tue, 09 Nov 2004 11:33:20 GMT');
    expect(shown!.found.has('beside')).toBe(true);
    expect((await client.get('times/timed')).body.toString()).toBe('bytes');
    await patch('times/timed', set('<D:lastmodified>1100000000</D:lastmodified>'));
    const versions = (await client.send('/api/versions/times/timed')).json<{ items: { modifiedAt: string }[] }>().items;
    expect(versions.map(({ modifiedAt }) => modifiedAt)).toEqual([
      '2004-11-09T11:33:20.000Z',
      '2001-09-09T01:46:40.000Z',
    ]);
    await using other = await intruder(gateway);
    await other.query('update versions set size = size + 1 where id = (select head from nodes where name = $1)', [
      'timed',
    ]);
    expect((await patch('times/timed', set('<D:lastmodified>1</D:lastmodified>'))).status).toBe(502);
  });

  it('is a number, and no folder has one that could be set', async () => {
    await client.put('timed2/file', 'x');
    expect((await patch('timed2/file', set('<D:lastmodified>now</D:lastmodified>'))).status).toBe(400);
    expect((await patch('timed2', set('<D:lastmodified>1</D:lastmodified>'))).status).toBe(409);
    expect((await patch('timed2/file', set('<D:getlastmodified>x</D:getlastmodified>'))).body.toString()).toContain(
      '403',
    );
  });
});

describe('what the gateway knows', () => {
  it('is told of a file and of a folder', async () => {
    const stored = await client.put('told/a%20file.txt', 'twelve bytes', {
      'Content-Type': 'text/plain; x="<&>"',
      'X-OC-Mtime': '1000000000',
    });
    const [folder, file] = await client.propfind('told', 1);
    const of = (name: string) => textOf(file!.found.get(name));
    expect([folder!.href, file!.href]).toEqual(['/dav/told/', '/dav/told/a%20file.txt']);
    expect(of('displayname')).toBe('a file.txt');
    expect(of('getcontentlength')).toBe('12');
    expect(of('getcontenttype')).toBe('text/plain; x="<&>"');
    expect(of('getetag')).toBe(stored.json<{ etag: string }>().etag);
    expect(of('getlastmodified')).toBe('Sun, 09 Sep 2001 01:46:40 GMT');
    expect(of('creationdate')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(file!.found.get('resourcetype')!.children).toEqual([]);
    expect(folder!.found.get('resourcetype')!.children).toHaveLength(1);
    expect(folder!.found.has('getcontentlength')).toBe(false);
  });

  it('of room is told to who asks by name, by the quota or by the disk', async () => {
    const person = await newPerson(gateway, client.token, ['user']);
    await client.json('PATCH', `/api/admin/users/${person.id}`, { quotaBytes: 1_000_000 });
    using limited = new DavClient(gateway, person.token);
    await limited.put('some', Buffer.alloc(1000));
    const quota = async () => {
      const [shown] = await limited.propfind('', 0, 'quota-used-bytes', 'quota-available-bytes');
      return ['quota-used-bytes', 'quota-available-bytes'].map((name) => Number(textOf(shown!.found.get(name))));
    };
    expect(await quota()).toEqual([1000, 999_000]);
    expect((await limited.propfind('', 0))[0]!.found.has('quota-used-bytes')).toBe(false);
    expect((await limited.propfind('some', 0, 'quota-used-bytes'))[0]!.missing).toEqual(['quota-used-bytes']);
    await limited.dav('COPY', 'some', { headers: { Destination: `${gateway.url}/dav/again` } });
    expect(await quota()).toEqual([1000, 999_000]);
  });

  it('is asked for together with what programs noted', async () => {
    await client.put('both', 'x');
    await patch('both', set('<Z:a>1</Z:a>'));
    const named = await ask('both', asking('<prop><getetag/><Z:a/><Z:none/><unknown/></prop>'));
    expect([...named.shown[0]!.found.keys()]).toEqual(['getetag', 'a']);
    expect(named.shown[0]!.missing).toEqual(['none', 'unknown']);
    const all = await ask('both', asking('<allprop/><include><quota-used-bytes/><Z:a/></include>'));
    expect([...all.shown[0]!.found.keys()].filter((name) => name === 'a')).toHaveLength(1);
    const names = await ask('both', asking('<propname/>'));
    expect(textOf(names.shown[0]!.found.get('getetag'))).toBe('');
    expect(names.shown[0]!.found.has('a')).toBe(true);
  });

  it.each(['<prop/><allprop/>', '', '<other/>'])('is not asked for by %j', async (inner) => {
    const answer = await client.dav('PROPFIND', '', { body: asking(inner), headers: { Depth: '0' } });
    expect(answer.status).toBe(400);
  });
});

describe('a folder of ten thousand files', () => {
  let account: string;
  beforeAll(async () => {
    account = (await client.tree('')).json<{ id: string }>().id;
    await client.put('copies/0/0', 'x');
    const copy = (from: string, to: string) => client.json('POST', '/api/copy', { from, to });
    for (let nth = 1; nth < 100; nth += 1) await copy('copies/0/0', `copies/0/${nth}`);
    for (let nth = 1; nth < 100; nth += 1) await copy('copies/0', `copies/${nth}`);
    const large = (await client.makeFolder('large')).json<{ id: string }>().id;
    const folders = (await client.send('/api/tree/copies?limit=1000')).json<{ items: { id: string; name: string }[] }>()
      .items;
    for (const { id, name } of folders) {
      await inside(gateway, Database).query(
        `update nodes set parent = $2, name = $3 || name, name_key = $3 || name where account = $1 and parent = $4`,
        [account, large, `${name}-`, id],
      );
    }
  }, 120_000);

  /** A second on an idle machine; the tests share theirs. */
  it('is listed soon', async () => {
    const began = performance.now();
    const answer = await client.dav('PROPFIND', 'large', { headers: { Depth: '1' } });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(answer.body.toString().match(/<D:response>/g)).toHaveLength(10_001);
  });

  it('is broken off where a row was forged: half a listing never looks whole', async () => {
    await using other = await intruder(gateway);
    await other.query(
      `update versions set size = size + 1 where account = $1 and id = (select head from nodes where account = $1
         and parent = (select id from nodes where account = $1 and name = 'large') order by name desc limit 1)`,
      [account],
    );
    const answer = await client.dav('PROPFIND', 'large', { headers: { Depth: '1' } });
    expect([answer.status, answer.whole, answer.body.includes('</D:multistatus>')]).toEqual([207, false, false]);
  });

  it('is renamed at once, with all that is in it', async () => {
    const began = performance.now();
    const headers = { Destination: `${gateway.url}/dav/renamed` };
    expect((await client.dav('MOVE', 'large', { headers })).status).toBe(201);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
