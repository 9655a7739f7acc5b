import { AccessRefused } from '../../errors.js';
import { codeOf, unless } from './disk-faults.js';
import { type Disk, folderMode } from './disk.js';
import type { FolderSync } from './folder-sync.js';

/**
 * Makes folders when they are first needed, and remembers which are there. A folder is ready when it is
 * one (not a link to elsewhere) and its own entry is flushed; it may be somebody else's, made a moment ago.
 */
export class Folders {
  private readonly ready = new Map<string, Promise<void>>();

  constructor(
    private readonly disk: Disk,
    private readonly flushed: FolderSync,
  ) {}

  ensure(path: string, parent: string): Promise<void> {
    let made = this.ready.get(path);
    if (!made) {
      made = this.make(path, parent);
      this.ready.set(path, made);
      made.catch(() => this.ready.delete(path));
    }
    return made;
  }

  /** After a folder was found gone, nothing that was remembered is worth anything. */
  forget(): void {
    this.ready.clear();
  }

  private async make(path: string, parent: string): Promise<void> {
    try {
      await this.disk.mkdir(path, folderMode);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (!(await this.isFolder(path))) {
        throw new AccessRefused('Something that is not a folder lies where this vault needs one.', { cause: error });
      }
    }
    await this.flushed.sync(parent);
  }

  async isFolder(path: string): Promise<boolean> {
    const found = await unless(['ENOENT', 'ENOTDIR'], this.disk.lstat(path), null);
    return found?.isDirectory() ?? false;
  }
}
