import { Module, type OnModuleInit } from '@nestjs/common';
import { AccountHooks, AccountsModule } from '../accounts/index.js';
import { AuditModule } from '../audit/index.js';
import { KeysModule } from '../keys/index.js';
import { Below } from './below.js';
import { Changes } from './changes.js';
import { ChangesController } from './changes.controller.js';
import { CopyController } from './copy.controller.js';
import { CopyEntry } from './copy.js';
import { EraseTrash } from './erase-trash.js';
import { ImmutableController } from './immutable.controller.js';
import { ImmutableFolders } from './immutable-folders.js';
import { Locks } from './locks.js';
import { MoveEntry } from './move.js';
import { Outlines } from './outlines.js';
import { Properties } from './properties.js';
import { Trash } from './trash.js';
import { TrashController } from './trash.controller.js';
import { Tree } from './tree.js';
import { TrimVersions } from './trim-versions.js';
import { Search } from './search.js';
import { SearchController } from './search.controller.js';
import { insertRoot } from './tree.store.js';
import { TreeController } from './tree.controller.js';
import { Versions } from './versions.js';
import { WalkTree } from './walk-tree.js';
import { VersionsController } from './versions.controller.js';

const verbs = [
  Tree,
  MoveEntry,
  CopyEntry,
  Locks,
  Outlines,
  Properties,
  Trash,
  EraseTrash,
  TrimVersions,
  Versions,
  Changes,
  Search,
  WalkTree,
  Below,
  ImmutableFolders,
];

/**
 * The tree that an account sees: names, folders, files and their immutable versions, the trash.
 * Knows which content a version holds, by id, and proves that a version row was not changed; does
 * not know chunks, connections or bytes.
 */
@Module({
  imports: [AccountsModule, AuditModule, KeysModule],
  controllers: [
    TreeController,
    TrashController,
    VersionsController,
    ChangesController,
    CopyController,
    SearchController,
    ImmutableController,
  ],
  providers: verbs,
  exports: verbs,
})
export class FilesModule implements OnModuleInit {
  constructor(private readonly hooks: AccountHooks) {}

  /** An account has its top folder from its first moment. */
  onModuleInit(): void {
    this.hooks.onAccountCreated(insertRoot);
  }
}
