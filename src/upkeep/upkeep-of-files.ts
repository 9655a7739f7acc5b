import { Injectable } from '@nestjs/common';
import { DeletionHold } from '../connections/index.js';
import { Changes, EraseTrash, TrimVersions } from '../files/index.js';

/** Erases what was asked to be, what lay in the trash for too long, and versions that are too many or too old; forgets old changes. */
@Injectable()
export class UpkeepOfFiles {
  constructor(
    private readonly trash: EraseTrash,
    private readonly versions: TrimVersions,
    private readonly changes: Changes,
    private readonly hold: DeletionHold,
  ) {}

  async run(): Promise<void> {
    // An older copy of the database cannot know what was taken out of the trash since.
    if (!(await this.hold.stands())) {
      await this.trash.run();
      await this.versions.run();
    }
    await this.changes.forget();
  }
}
