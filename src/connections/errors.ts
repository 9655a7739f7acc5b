import { Fault } from '#contracts';
import { type ProbeResult, StorageFault } from '#storage';

export class ConnectionUnknown extends Fault {
  constructor() {
    super('There is no such connection.');
  }
}

export class ProviderUnknown extends Fault {
  constructor() {
    super('There is no such provider.');
  }
}

/** Only those who look after the machine may connect what reaches into it. */
export class AdminsOnly extends Fault {
  constructor() {
    super('Only an admin can do this.');
  }
}

export class AlreadyConnected extends Fault {
  constructor(message = 'This place is connected already.') {
    super(message);
  }
}

/** The operator has registered no application at the vendor: people cannot mend that. */
export class ApplicationMissing extends Fault {
  override readonly retryAfterSeconds = 3600;

  constructor(variables: readonly string[]) {
    super(
      `The operator of this gateway has to register it with this vendor first, and set ${variables.join(' and ')}.`,
    );
  }
}

/** What comes back from a consent page does not belong to a question that this browser asked, or not any more. */
export class ConsentStateRefused extends Fault {
  constructor(
    message = 'This does not belong to a sign-in that was begun in this browser, or it was used, or its time is over. Please start again.',
  ) {
    super(message);
  }
}

/** The person did not agree, or not to all that is needed. */
export class ConsentDenied extends Fault {}

/** A provider asks for one of a few consents; this is none of them. */
export class ConsentUnknown extends Fault {
  constructor() {
    super('There is no such consent to ask for.');
  }
}

/** Reconnecting is for the same account over there: another one does not have what was stored. */
export class OtherAccount extends Fault {
  constructor() {
    super(
      'This is another account than the one that was connected before. Please choose the same one, or connect this one anew.',
    );
  }
}

/** Connected by consent, not by a form. */
export class ConsentNeeded extends Fault {
  constructor(readonly provider: string) {
    super(
      `This kind of storage is connected on the vendor’s own page: begin with /api/cloud/oauth/initiate/${provider}.`,
    );
  }
}

/** A place that Tessera needs for itself, or that lies inside such a one. */
export class PlaceReserved extends Fault {
  constructor() {
    super('The gateway keeps its own things in this folder. Please choose another one.');
  }
}

/** The test before saving failed; the result says at which step, and what to do. */
export class ConnectionTestFailed extends Fault {
  constructor(readonly result: Pick<ProbeResult, 'steps' | 'failedStep' | 'advice' | 'reason'>) {
    super(`The test failed at the step "${result.failedStep}": ${result.reason ?? 'no reason given'}`);
  }
}

/** What lies in our folder there is not what this gateway put there. Nothing is written or deleted until somebody looks. */
export class MarkerAlarm extends Fault {}

/** This database may be an older copy of itself: what it does not know may be somebody's newest file. */
export class DeletionsHeld extends Fault {
  override readonly retriable = true;
  override readonly retryAfterSeconds = 600;

  constructor() {
    super('Nothing is deleted on any connection until an admin lifts the hold.');
  }
}

/** There is no hold to be lifted. */
export class NothingHeld extends Fault {
  constructor() {
    super('There is no hold that could be lifted.');
  }
}

/** A sign-in at a provider's own page that was never begun, has lapsed, or is over. */
export class LoginUnknown extends Fault {
  constructor() {
    super('There is no such sign-in, or its time is over. Please begin again.');
  }
}

/** Somebody has places tried faster than a person connects clouds. */
export class TooManyTries extends Fault {
  override readonly retriable = true;

  constructor(override readonly retryAfterSeconds: number) {
    super('Too many places were tried in a short time. Wait a minute before the next one.');
  }
}

/** This kind of storage shows no folders to choose from. */
export class FoldersUnseen extends Fault {
  constructor() {
    super('This kind of storage has no folders to choose from.');
  }
}

/** An account has several connections of one provider, and did not say which. */
export class WhichConnection extends Fault {
  constructor() {
    super('There are several connections of this provider. Please say which one with “?connection=ID”.');
  }
}

/** The spread cannot be had with the connections there are. */
export class SpreadUnmet extends Fault {}

/** Connections came to an end, or were never enough, for the spread that an account has. */
export class TooFewPlaces extends Fault {
  constructor(needed: number, there: number) {
    super(
      `Each chunk needs ${needed} places that fail apart from each other, and there are ${there}. Connect another cloud, or choose another spread.`,
    );
  }
}

/** No connection has room for it. */
export class StorageFull extends Fault {
  constructor() {
    super('No connection has room for this.');
  }
}

/** No connection can take it at the moment. */
export class StorageAway extends Fault {
  override readonly retriable = true;
  override readonly retryAfterSeconds: number | undefined;

  /** `opensInMs`: when the first of them may be tried again, where that is known. */
  constructor(opensInMs: number | null = null) {
    super('No connection can take this at the moment.');
    this.retryAfterSeconds = opensInMs === null ? undefined : Math.max(1, Math.ceil(opensInMs / 1000));
  }
}

/** Whether a connection failed at what it is for: then another one may do. What fails in the database fails everywhere. */
export function isOfConnection(error: unknown): error is Fault {
  return error instanceof StorageFault || error instanceof MarkerAlarm || error instanceof ConnectionUnknown;
}
