import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSite, run, type Site, succeed } from './client-program.js';

let site: Site;
let path: (name: string) => string;
beforeAll(async () => {
  site = await openSite();
  path = (name) => join(site.folder, name);
  const { hostname } = new URL(site.dav);
  await writeFile(path('.netrc'), `machine ${hostname} login ${site.email} password ${site.password}\n`, {
    mode: 0o600,
  });
});
afterAll(() => site?.stop());

describe('cadaver', () => {
  const cadaver = async (...lines: string[]): Promise<string> =>
    succeed('cadaver', [site.dav], {
      env: { HOME: site.folder },
      cwd: site.folder,
      input: `${lines.join('\n')}\nquit\n`,
    });

  it('puts, lists, copies, moves, gets and deletes', async () => {
    await writeFile(path('poem.txt'), 'roses are red\n');
    const said = await cadaver(
      'mkcol verses',
      'cd verses',
      'put poem.txt',
      'copy poem.txt second.txt',
      'move second.txt third.txt',
      'ls',
      'get third.txt back.txt',
      'delete poem.txt',
      'ls',
    );
    expect(said).not.toMatch(/failed|error/i);
    expect(await readFile(path('back.txt'), 'utf8')).toBe('roses are red\n');
    expect(said.match(/poem\.txt +14/g)).toHaveLength(1);
  });

  it('notes a property down and reads it, locks and lets go', async () => {
    await writeFile(path('noted.txt'), 'x');
    const said = await cadaver(
      'put noted.txt',
      'propset noted.txt mood fine',
      'propget noted.txt mood',
      'lock noted.txt',
      'showlocks',
      'unlock noted.txt',
      'rmcol verses',
    );
    expect(said).toMatch(/Value of mood is: fine/);
    expect(said).toMatch(/Locking `noted.txt': succeeded/);
    expect(said).toMatch(/Unlocking `noted.txt': succeeded/);
    expect(said).not.toMatch(/failed/i);
  });
});

describe('curl', () => {
  const curl = (...args: string[]): Promise<string> =>
    succeed('curl', ['-sS', '--fail-with-body', '--netrc-file', path('.netrc'), ...args]);
  const statusOf = (...args: string[]): Promise<string> =>
    run('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--netrc-file', path('.netrc'), ...args]).then(
      ({ output }) => output,
    );

  it('uploads by name and from a pipe, and downloads a part, on and on', async () => {
    const bytes = 'b'.repeat(100_000);
    await writeFile(path('up'), bytes);
    await curl('-T', path('up'), site.dav);
    await succeed('curl', ['-sS', '--fail', '--netrc-file', path('.netrc'), '-T', '-', `${site.dav}piped`], {
      input: bytes,
    });
    expect(await curl(`${site.dav}piped`)).toBe(bytes);
    expect(await curl('-r', '10-19', `${site.dav}up`)).toBe('b'.repeat(10));
    await writeFile(path('half'), bytes.slice(0, 50_000));
    await curl('-C', '-', '-o', path('half'), `${site.dav}up`);
    expect(await readFile(path('half'), 'utf8')).toBe(bytes);
  });

  it('speaks the methods of WebDAV, and asks whether it has the newest', async () => {
    expect(await statusOf('-X', 'MKCOL', `${site.dav}made`)).toBe('201');
    expect(await curl('-X', 'PROPFIND', '-H', 'Depth: 1', site.dav)).toContain('<D:href>/dav/made/</D:href>');
    expect(await statusOf('-X', 'MOVE', '-H', `Destination: ${site.dav}renamed`, `${site.dav}made`)).toBe('201');
    await curl('--etag-save', path('tag'), '-o', path('got'), `${site.dav}up`);
    expect(await statusOf('--etag-compare', path('tag'), `${site.dav}up`)).toBe('304');
    expect(await statusOf('-z', path('got'), `${site.dav}up`)).toBe('304');
    expect(await statusOf('-X', 'DELETE', `${site.dav}renamed`)).toBe('204');
    expect(await statusOf('--anyauth', site.dav.replace('/dav/', '/dav/up'))).toBe('200');
  });

  it('is refused with another password, and told by which scheme it should ask', async () => {
    const { output } = await run('curl', [
      '-sSi',
      '-X',
      'PROPFIND',
      '-u',
      `${site.email}:wrong`,
      '-H',
      'Depth: 0',
      site.dav,
    ]);
    expect(output).toMatch(/^HTTP\/1\.1 401 [^]*www-authenticate: Basic realm="Tessera", charset="UTF-8"/i);
  });
});
