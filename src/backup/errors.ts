import { Fault } from '#contracts';

/** The file is no backup, or was cut, changed or added to. Nothing was restored from it. */
export class BackupDamaged extends Fault {
  constructor(path: string, what = 'was cut, changed or added to') {
    super(`${path} ${what}. Nothing was restored from it; use another backup.`);
  }
}

/** It was sealed under a root key that is not in the root key file. */
export class BackupOfAnotherKey extends Fault {
  constructor(path: string, epoch: number) {
    super(
      `${path} was sealed under another root key (its epoch ${epoch}) than those in TESSERA_ROOT_KEY_FILE. Put the line back that the key file had when it was made.`,
    );
  }
}

/** It holds tables that this version of the code does not know. */
export class BackupTooNew extends Fault {
  constructor(migration: string) {
    super(
      `The backup was made by a newer version of Tessera (it knows ${migration}). Restore it with that version, or a later one.`,
    );
  }
}

export class DatabaseNotEmpty extends Fault {
  constructor(where: string) {
    super(`A backup is restored into an empty database only, and this one is not: ${where}`);
  }
}

/** There is nothing to seal a backup under, or nothing that could open one. */
export class RootKeyMissing extends Fault {
  constructor(path: string) {
    super(`TESSERA_ROOT_KEY_FILE: there is no file at ${path}. A backup is sealed, and opened, with the root key.`);
  }
}

/** A backup that nobody could open after the database was lost would be worse than none. */
export class RootKeyUnfit extends Fault {
  constructor(epoch: number) {
    super(`TESSERA_ROOT_KEY_FILE: epoch ${epoch} is not the root key that this database knows. No backup was made.`);
  }
}

/** Another attempt, or another backup, has taken its place. */
export class CopyGivenUp extends Fault {
  override readonly retriable = true;

  constructor() {
    super('This copy was given up meanwhile.');
  }
}

/** A place that is not to be written to as it is now. */
export class ConnectionUnfit extends Fault {
  override readonly retriable = true;
  /** Whoever mends it wants to see that. */
  override readonly retryAfterSeconds = 60;
}

/** What was read back is not what was put. */
export class PieceNotKept extends Fault {
  override readonly retriable = true;

  constructor() {
    super('What was read back from there is not what was put. It is put once more.');
  }
}

export class BackupFolderUnusable extends Fault {
  override readonly retriable = true;

  constructor(folder: string, cause: unknown) {
    super(`TESSERA_BACKUP_FOLDER: ${folder} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'error'}).`, {
      cause,
    });
  }
}

/** Nothing there opens as the head of a backup, or none of that name. */
export class BackupNotFound extends Fault {
  constructor(name?: string) {
    super(
      name === undefined
        ? 'No backup was found there that the root keys in TESSERA_ROOT_KEY_FILE know. Was the connection told to keep backups, and is it the root key file of then?'
        : `No backup there is called ${name}. Those that are were listed above.`,
    );
  }
}

/** What somebody typed to get at a place. */
export class ConnectionFileUnfit extends Fault {}

export class NoFolderOfOurs extends Fault {
  constructor(others: number) {
    super(
      others === 0
        ? 'There is no folder of Tessera at this place. Is it the address, bucket or folder that was connected?'
        : `There are folders of Tessera at this place (${others}), but their markers do not open: they belong to another gateway, or TESSERA_ROOT_KEY_FILE is not the one of this one.`,
    );
  }
}

export class PlaceUnreadable extends Fault {
  constructor(folder: string, code = 'error') {
    super(`${folder} cannot be read (${code}).`);
  }
}

export class PieceMissing extends Fault {
  constructor(where: string, backup: string, piece: string) {
    super(`${where}: a piece of ${backup} is missing (${piece}). Nothing was restored; name an older backup.`);
  }
}

export class PieceChanged extends Fault {
  constructor(where: string, backup: string) {
    super(`${where}: a piece of ${backup} was changed or cut. Nothing was restored; name an older backup.`);
  }
}
