import { Fault, type FieldError } from '#contracts';

export class NotSignedIn extends Fault {
  constructor() {
    super('Sign in first: there are no credentials with this request, or none that are valid now.');
  }
}

export class NotAllowed extends Fault {
  constructor() {
    super('This account may not make this call.');
  }
}

/** The cookie came along, but not from one of our own pages. */
export class ForeignOrigin extends Fault {
  constructor() {
    super('A request that relies on the cookie must carry the Origin of this gateway.');
  }
}

/** Who found an open session may not bind the account to a cloud of theirs: that is for who knows the password. */
export class SignInTooOld extends Fault {
  constructor() {
    super('The last sign-in of this session is too long ago for this. Sign in once more, and repeat it.');
  }
}

/** The body is not the JSON that it should be. */
export class BodyUnreadable extends Fault {}

export class BodyTooLarge extends Fault {
  constructor(most: number) {
    super(`The body is larger than the ${most} bytes that this call takes.`);
  }
}

export class BodyTooSlow extends Fault {
  constructor() {
    super('The body did not arrive in time.');
  }
}

/** Well-formed, but not what the route takes. */
export class NotValid extends Fault {
  constructor(readonly errors: readonly FieldError[]) {
    super(errors.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; '));
  }
}

export class NoSuchAddress extends Fault {
  constructor() {
    super('There is no such thing.');
  }
}

/** A route without `@Access`, found at the start. */
export class UndeclaredRoute extends Fault {
  constructor(routes: readonly string[]) {
    super(`Nobody has said who may call ${routes.join(', ')}.`);
  }
}
