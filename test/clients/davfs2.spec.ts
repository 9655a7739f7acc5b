import { access, constants, mkdir, readFile, rename, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSite, run, type Site, succeed } from './client-program.js';

/** A mount takes a kernel with FUSE and somebody who may mount: neither is in most containers. */
const canMount = await (async () => {
  if (process.getuid?.() !== 0) return false;
  const fuse = await access('/dev/fuse', constants.R_OK).then(
    () => true,
    () => false,
  );
  const tool = await access('/usr/sbin/mount.davfs').then(
    () => true,
    () => false,
  );
  return fuse && tool && (await run('unshare', ['-m', 'true'])).code === 0;
})();

if (!canMount) {
  it('is mounted where the kernel, and who runs this, allow it', () => expect(canMount).toBe(false));
} else {
  describe('davfs2', () => {
    let site: Site;
    let mount: string;
    beforeAll(async () => {
      site = await openSite();
      mount = join(site.folder, 'mount');
      await mkdir(mount);
      await writeFile(join(site.folder, 'secrets'), `${mount} ${site.email} ${site.password}\n`, { mode: 0o600 });
      const settings = ['use_locks 1', 'ask_auth 0', 'delay_upload 0', `secrets ${site.folder}/secrets`];
      await writeFile(join(site.folder, 'davfs2.conf'), settings.map((line) => `${line}\n`).join(''));
      await succeed('mount', ['-t', 'davfs', '-o', `conf=${site.folder}/davfs2.conf,uid=0`, site.dav, mount]);
    });
    afterAll(async () => {
      await run('umount', [mount]);
      await site?.stop();
    });

    const stored = async (path: string): Promise<string> => {
      const answer = await fetch(`${site.gateway.url}/api/content/${path}`, {
        headers: { Authorization: `Bearer ${site.token}` },
      });
      return answer.status === 200 ? answer.text() : String(answer.status);
    };

    /** Nothing is listed here: davfs2 1.6 cannot list a folder of any server under Linux 6.18 (EINVAL). */
    it('is a folder like any other: written, read, renamed and emptied by ordinary programs', async () => {
      await mkdir(join(mount, 'papers'));
      await writeFile(join(mount, 'papers', 'one'), 'first');
      await expect.poll(() => stored('papers/one'), { timeout: 30_000 }).toBe('first');
      await writeFile(join(mount, 'papers', 'one'), 'second, and longer');
      await expect.poll(() => stored('papers/one'), { timeout: 30_000 }).toBe('second, and longer');
      await rename(join(mount, 'papers', 'one'), join(mount, 'papers', 'two'));
      expect(await readFile(join(mount, 'papers', 'two'), 'utf8')).toBe('second, and longer');
      expect((await stat(join(mount, 'papers', 'two'))).size).toBe(18);
      await unlink(join(mount, 'papers', 'two'));
      await rmdir(join(mount, 'papers'));
      await expect.poll(() => stored('papers/two')).toBe('404');
    }, 120_000);
  });
}
