import { Fault } from '#contracts';

/** A name or a path that no file could have. */
export class NameRefused extends Fault {}

export class NotFound extends Fault {
  constructor(message = 'There is nothing at this path.') {
    super(message);
  }
}

export class NameTaken extends Fault {
  constructor() {
    super('There is already something at this path.');
  }
}

export class IsFolder extends Fault {
  constructor() {
    super('There is a folder at this path.');
  }
}

export class BelowFile extends Fault {
  constructor() {
    super('A part of this path is a file, so nothing can lie below it.');
  }
}

/** The caller wants no folders made on the way. */
export class ParentMissing extends Fault {
  constructor() {
    super('The folder that this should lie in is not there.');
  }
}

/** Others kept changing this part of the tree under every look. */
export class TreeBusy extends Fault {
  override readonly retriable = true;

  constructor() {
    super('Too many changes at this path at once; nothing was changed.');
  }
}

export class IntoItself extends Fault {
  constructor() {
    super('Nothing can be moved or copied into itself, nor over what it lies in.');
  }
}

export class RootStays extends Fault {
  constructor() {
    super('The top folder cannot be moved, renamed or deleted.');
  }
}

export class PreconditionFailed extends Fault {
  constructor() {
    super('The file is not in the state that the request asks for.');
  }
}

export class CursorRefused extends Fault {
  constructor() {
    super('The cursor is not one that a listing gave out.');
  }
}

export class CursorExpired extends Fault {
  constructor() {
    super('What came after this cursor is not remembered any more.');
  }
}

export class NotInTrash extends Fault {
  constructor() {
    super('There is nothing with this id in the trash.');
  }
}

export class NoSuchVersion extends Fault {
  constructor() {
    super('The file has no such version.');
  }
}

/** Deleting the newest version would change the file unasked: another one is restored, or the file deleted. */
export class NewestStays extends Fault {
  constructor() {
    super('This is the newest version. Restore another one first, or delete the file.');
  }
}

/** Somebody holds a lock on what the call would change, and the call does not show its token. */
export class Locked extends Fault {
  constructor() {
    super('This is locked; whoever holds the lock can change it by showing its token.');
  }
}

export class LockTokenUnfit extends Fault {
  constructor() {
    super('The token is of no lock that holds this.');
  }
}

export class TooMuchToCopy extends Fault {
  constructor(most: number) {
    super(`A folder with more than ${most} entries is not copied in one piece; copy what is in it.`);
  }
}

export class TooManyProperties extends Fault {
  constructor() {
    super('A file or folder has at most 100 properties, of 64 KiB altogether.');
  }
}

export class TooManyLocks extends Fault {
  constructor(most: number) {
    super(`An account has at most ${most} locks at one time.`);
  }
}

/** It lies in an immutable folder, or holds one. */
export class Immutable extends Fault {
  constructor() {
    super('This is immutable: until the date that was set, it is not moved, renamed, deleted or erased, by anybody.');
  }
}

export class NotAFolder extends Fault {
  constructor() {
    super('A file lies there. Folders are made immutable, with the files in them.');
  }
}

export class DateUnfit extends Fault {
  constructor() {
    super('The date must lie ahead, within a hundred years, and not before the one that was set already.');
  }
}

export class TooManyImmutable extends Fault {
  constructor(most: number) {
    super(`An account has at most ${most} immutable folders; one above them holds for all that lies in it.`);
  }
}
