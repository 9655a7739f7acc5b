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

export class BackupFolderUnusable extends Fault {
  override readonly retriable = true;

  constructor(folder: string, cause: unknown) {
    super(`TESSERA_BACKUP_FOLDER: ${folder} cannot be written (${(cause as NodeJS.ErrnoException).code ?? 'error'}).`, {
      cause,
    });
  }
}
