import { Fault } from '#contracts';

/** All archives together hold what may be held of their directories. */
export class ArchivesFull extends Fault {
  override readonly retriable = true;

  constructor() {
    super('Too many files are being packed into archives at this moment.');
  }
}

export class LinkMissing extends Fault {
  constructor() {
    super('There is no such link.');
  }
}

export class TooManyLinks extends Fault {
  constructor(most: number) {
    super(`An account has at most ${most} links; revoke one that is not used any more.`);
  }
}

/** Unknown, expired, used up, revoked, or leading to what is not there: whoever has it is not told which. */
export class LinkClosed extends Fault {
  constructor() {
    super('There is nothing behind this link, or not any more.');
  }
}

export class LinkPasswordWrong extends Fault {
  constructor() {
    super('The link asks for a password, and this is none, or not the right one.');
  }
}

/** Changed, expired, withdrawn, or never one of ours. */
export class AddressRefused extends Fault {
  constructor() {
    super('This address takes nothing, or not any more.');
  }
}
