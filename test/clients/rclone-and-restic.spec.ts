import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, openSite, run, type Site, succeed } from './client-program.js';

/** Few in the daily run; `npm run test:clients` takes as many as people have. */
const FILES = at({ daily: 60, full: 5000 });
const FOLDERS = at({ daily: 6, full: 200 });
const BACKUPS = at({ daily: 3, full: 50 });
const PATIENCE = at({ daily: 120_000, full: 1_800_000 });

let site: Site;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  site = await openSite();
  await writeFile(join(site.folder, 'rclone.conf'), '');
  const obscured = (await succeed('rclone', ['obscure', site.password])).trim();
  env = {
    HOME: site.folder,
    RCLONE_CONFIG: join(site.folder, 'rclone.conf'),
    RCLONE_CONFIG_VAULT_TYPE: 'webdav',
    RCLONE_CONFIG_VAULT_URL: site.dav,
    // It keeps a file's time by the same header.
    RCLONE_CONFIG_VAULT_VENDOR: 'owncloud',
    RCLONE_CONFIG_VAULT_USER: site.email,
    RCLONE_CONFIG_VAULT_PASS: obscured,
    RESTIC_PASSWORD: 'restic’s own password',
    RESTIC_REPOSITORY: 'rclone:vault:backups',
    RESTIC_CACHE_DIR: join(site.folder, 'cache'),
  };
});
afterAll(() => site?.stop());

const rclone = (...args: string[]): Promise<string> =>
  succeed('rclone', [...args, '--retries', '1', '--low-level-retries', '1', '--stats', '0'], { env });

async function fill(folder: string): Promise<void> {
  for (let nth = 0; nth < FILES; nth += 1) {
    const path = join(folder, `folder ${nth % FOLDERS}`, `${nth} naïve & odd #${nth % 7}.bin`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, randomBytes(nth % 5 === 0 ? 0 : 1 + ((nth * 997) % 20_000)));
  }
  await mkdir(join(folder, 'empty'), { recursive: true });
}

describe('rclone', () => {
  const local = () => join(site.folder, 'local');
  beforeAll(() => fill(local()), PATIENCE);

  it(
    'syncs, finds every byte again, and has nothing to do the second time',
    async () => {
      await rclone('sync', local(), 'vault:synced', '--create-empty-src-dirs', '--transfers', '4');
      await rclone('check', '--download', local(), 'vault:synced');
      const again = await rclone('sync', local(), 'vault:synced', '-v', '--create-empty-src-dirs');
      expect(again).not.toMatch(/Copied|Deleted/);
      expect((await rclone('lsf', 'vault:synced', '--dirs-only')).split('\n')).toContain('empty/');
    },
    PATIENCE,
  );

  it(
    'moves and copies on the server, without a byte sent',
    async () => {
      const moved = await rclone('moveto', 'vault:synced/folder 0', 'vault:elsewhere/moved', '-v');
      expect(moved).toMatch(/Renamed|Moved \(server-side\)|Server side directory move succeeded/i);
      await rclone('copyto', 'vault:elsewhere/moved', 'vault:synced/folder 0');
      await rclone('check', '--download', local(), 'vault:synced');
    },
    PATIENCE,
  );

  it(
    'keeps two sides in step',
    async () => {
      const side = join(site.folder, 'side');
      await fill(side);
      await rclone('mkdir', 'vault:both');
      await rclone('bisync', side, 'vault:both', '--resync');
      await writeFile(join(side, 'here'), 'made here');
      await succeed('rclone', ['rcat', 'vault:both/there'], { env, input: 'made there' });
      await rm(join(side, 'folder 1'), { recursive: true });
      await rclone('bisync', side, 'vault:both', '--force');
      expect(await readFile(join(side, 'there'), 'utf8')).toBe('made there');
      await rclone('check', '--download', side, 'vault:both');
    },
    PATIENCE,
  );

  it(
    'moves everything away, and nothing is left',
    async () => {
      await rclone('move', 'vault:both', join(site.folder, 'back'), '--delete-empty-src-dirs');
      await rclone('check', join(site.folder, 'side'), join(site.folder, 'back'));
      expect(await rclone('lsf', '-R', '--files-only', 'vault:both').catch(() => '')).toBe('');
    },
    PATIENCE,
  );

  it('tells how much room there is', async () => {
    expect(JSON.parse((await rclone('about', 'vault:', '--json')).replace(/^[^{]*/, ''))).toMatchObject({
      used: expect.any(Number),
      free: expect.any(Number),
    });
  });
});

describe('restic over rclone', () => {
  it(
    `backs up ${BACKUPS} times, prunes, and reads every byte again`,
    async () => {
      const source = join(site.folder, 'source');
      const restic = (...args: string[]) => succeed('restic', args, { env });
      await mkdir(source);
      await restic('init');
      for (let nth = 0; nth < BACKUPS; nth += 1) {
        await writeFile(join(source, `${nth}`), randomBytes(100_000));
        await restic('backup', '--quiet', source);
      }
      await restic('forget', '--keep-last', '2', '--prune');
      expect(await restic('check', '--read-data')).toContain('no errors were found');
      await restic('restore', 'latest', '--target', join(site.folder, 'restored'));
      const last = `${BACKUPS - 1}`;
      const restored = await readFile(join(site.folder, 'restored', source, last));
      expect(restored.equals(await readFile(join(source, last)))).toBe(true);
      expect((await run('restic', ['unlock'], { env })).code).toBe(0);
    },
    PATIENCE,
  );
});
