import { Injectable } from '@nestjs/common';
import { Changes, EraseTrash, TrimVersions } from '../files/index.js';

/** Erases what was asked to be, what lay in the trash for too long, and versions that are too many or too old; forgets old changes. */
@Injectable()
export class UpkeepOfFiles {
  constructor(
    private readonly trash: EraseTrash,
    private readonly versions: TrimVersions,
    private readonly changes: Changes,
  ) {}

  async run(): Promise<void> {
    await this.trash.run();
    await this.versions.run();
    await this.changes.forget();
  }
}
