import { Fault } from '#contracts';

export class JobUnknown extends Fault {
  constructor() {
    super('There is no such job.');
  }
}

/** The job has ended, or is one that goes to its end once it was begun. */
export class JobNotCancellable extends Fault {
  constructor() {
    super('This job cannot be cancelled any more.');
  }
}

/** Somebody else carries this job on: what is done from here on would be done twice. */
export class JobLost extends Fault {
  override readonly retriable = true;

  constructor() {
    super('The job is carried on elsewhere.');
  }
}

/** Its owner does not want it any more. */
export class JobCancelled extends Fault {
  constructor() {
    super('The job was cancelled.');
  }
}

/** The gateway stops; another one, or this one after its next start, goes on. */
export class GatewayStops extends Fault {
  override readonly retriable = true;

  constructor() {
    super('The gateway stops.');
  }
}

/** Thrown by a handler to be called again after a while: it waits for something, and nothing has failed. */
export class NotYet extends Fault {
  override readonly retriable = true;

  constructor(
    message: string,
    override readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** A mistake of the caller's: a kind that nobody registered, or one that is registered twice. */
export class JobKindUnfit extends Fault {}
