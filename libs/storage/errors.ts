import { Fault } from '#contracts';

/** What a provider can fail with. The words are for people; what the machine said is the `cause`. */
export abstract class StorageFault extends Fault {
  /** For how long it is no use to come back, where that is known. */
  readonly retryAfterMs: number | null = null;
}

export class BlobMissing extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('A stored piece is no longer where it was put.', options);
  }
}

export class BlobTruncated extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('A stored piece is shorter than it should be.', options);
  }
}

export class BlobMismatch extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('Other bytes already lie under the name of this piece.', options);
  }
}

/** The caller's own mistake: its body gave more or fewer bytes than it had announced. */
export class BodyLengthWrong extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('The bytes to be stored were not as many as announced.', options);
  }
}

/** A name from a damaged database, perhaps: nothing was touched. */
export class BlobNameRefused extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('This is not the name of a stored piece.', options);
  }
}

export class ConnectionFull extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('There is no room left on this connection.', options);
  }
}

export class Throttled extends StorageFault {
  override readonly retriable = true;

  override readonly retryAfterSeconds: number | undefined;

  /** `retryAfterMs` is null where the provider did not say how long it wants to be left alone. */
  constructor(
    override readonly retryAfterMs: number | null,
    options?: ErrorOptions,
    message = 'The provider asked us to slow down.',
  ) {
    super(message, options);
    this.retryAfterSeconds = inSeconds(retryAfterMs);
  }
}

/** What its owner, or the provider, lets a connection take in a day is used up. */
export class DayUsedUp extends Throttled {
  constructor(retryAfterMs: number) {
    super(retryAfterMs, undefined, 'This connection has been sent as much today as it may take in a day.');
  }
}

/** Not reachable now: a network, a server or a disk that is away. Says nothing about what lies there. */
export class ConnectionAway extends StorageFault {
  override readonly retriable = true;

  constructor(message = 'The connection cannot be reached at the moment.', options?: ErrorOptions) {
    super(message, options);
  }
}

/** It failed several times in a row, and is left alone for a while that grows with each further failure. */
export class ConnectionResting extends ConnectionAway {
  override readonly retryAfterSeconds: number | undefined;

  constructor(override readonly retryAfterMs: number) {
    super('The connection failed several times in a row, and is left alone for a moment.');
    this.retryAfterSeconds = inSeconds(retryAfterMs);
  }
}

export class AccessRefused extends StorageFault {
  constructor(message = 'The connection does not allow this.', options?: ErrorOptions) {
    super(message, options);
  }
}

/** The vendor gives no token any more: the consent was withdrawn, or has lapsed. Passes only when somebody connects anew. */
export class ConsentWithdrawn extends AccessRefused {
  constructor(options?: ErrorOptions) {
    super('The consent to use this account was withdrawn or has lapsed. Please connect it again.', options);
  }
}

/** The vendor's answer to a code: used already, expired, or meant for somebody else. */
export class CodeRefused extends AccessRefused {
  constructor(options?: ErrorOptions) {
    super(
      'The vendor does not accept what it sent us: it was used already, or has expired. Please start again.',
      options,
    );
  }
}

/** The vendor does not accept this gateway's own application. No person's consent is gone: the operator has to act. */
export class ApplicationRefused extends AccessRefused {
  constructor(
    readonly code: string,
    secretExpired = false,
    options?: ErrorOptions,
  ) {
    const advice = secretExpired
      ? 'Its client secret has expired: the operator has to make a new one in the vendor’s console.'
      : 'The operator has to check its client id, client secret, scopes and redirect address in the vendor’s console.';
    super(`The vendor refuses this gateway’s application (${code}). ${advice}`, options);
  }
}

/** Where somebody wants us to go, we do not go. Never says what would have answered there. */
export class AddressRefused extends AccessRefused {
  constructor(
    message = 'This address lies in a private network, which the operator of this gateway has not opened.',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A redirect that is not followed: it leads to another server, or the request was one that changes something. */
export class SentElsewhere extends AccessRefused {
  constructor(
    readonly address?: string,
    options?: ErrorOptions,
  ) {
    const instead = address === undefined ? '' : ` If you trust it, use this address instead: ${address}`;
    super(`The server sends us to another address, and we do not follow.${instead}`, options);
  }
}

/** A folder that somebody wants to look into is not there, or not for us to see. */
export class FolderMissing extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('There is no such folder.', options);
  }
}

/** Our folder cannot be taken away: blobs, or things that are not ours, still lie in it. */
export class FolderInUse extends StorageFault {
  constructor(options?: ErrorOptions) {
    super('The folder on this connection is not empty.', options);
  }
}

/** What somebody typed into a connect form does not do. */
export class SettingRefused extends StorageFault {
  constructor(
    readonly field: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

function inSeconds(ms: number | null): number | undefined {
  return ms === null ? undefined : Math.max(1, Math.ceil(ms / 1000));
}
