import { Fault } from '#contracts';

/** One answer, whatever was wrong. */
export class SignInRefused extends Fault {
  constructor() {
    super('The e-mail address or the password is wrong.');
  }
}

/** The limiter holds this way of signing in shut for a while; it always opens again. */
export class TooManyAttempts extends Fault {
  override readonly retriable = true;

  constructor(override readonly retryAfterSeconds: number) {
    super('Too many attempts to sign in. Wait a little before the next one.');
  }
}

/** More passwords wait to be checked than the gateway can check soon. */
export class HashingBusy extends Fault {
  override readonly retriable = true;
  override readonly retryAfterSeconds = 2;

  constructor() {
    super('Too many people sign in at this moment.');
  }
}

export class WrongPassword extends Fault {
  constructor() {
    super('The current password is wrong.');
  }
}

export class WeakPassword extends Fault {}

export class LinkUsed extends Fault {
  constructor() {
    super('This link was used already, has expired, or is not one of ours.');
  }
}

export class EmailMissing extends Fault {
  constructor() {
    super('The first account needs an e-mail address.');
  }
}

export class EmailTaken extends Fault {
  constructor() {
    super('There is an account with this e-mail address already.');
  }
}

export class AccountMissing extends Fault {
  constructor() {
    super('There is no such account.');
  }
}

export class AppPasswordMissing extends Fault {
  constructor() {
    super('There is no such app password.');
  }
}

export class TooManyAppPasswords extends Fault {
  constructor(most: number) {
    super(`An account has at most ${most} app passwords; revoke one that is not used any more.`);
  }
}

/** Whoever may set the password of an account may read its files: from its first sign-in on, that is its owner alone. */
export class PasswordIsOwners extends Fault {
  constructor() {
    super(
      'Somebody has signed in to this account: from then on only its owner sets its password. Nothing was changed.',
    );
  }
}

/** Nobody would be left who looks after the accounts. */
export class LastAdmin extends Fault {
  constructor() {
    super('This is the last admin who can sign in. Make somebody else an admin first.');
  }
}

/** A stored hash whose parameters this gateway does not accept: too weak to trust, or too costly to check. */
export class HashUnacceptable extends Fault {
  constructor() {
    super('The stored password cannot be checked.');
  }
}

/** Whoever deletes their own account loses all they have there, and by a slip of the hand is no way to. */
export class OwnAccount extends Fault {
  constructor() {
    super('This is your own account. Another admin can delete it.');
  }
}
