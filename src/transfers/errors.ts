import { Fault } from '#contracts';

/** The request body ended before it was whole, or its sender went away. */
export class BodyCutShort extends Fault {
  constructor() {
    super('The request ended before all of its body had come.');
  }
}

/** More came than the request had announced. */
export class BodyTooLong extends Fault {
  constructor() {
    super('The body went on after the length that was announced.');
  }
}

/** Nothing came for so long that nobody can be there any more. */
export class SenderStalled extends Fault {
  constructor() {
    super('The upload stood still for too long.');
  }
}

export class DigestMismatch extends Fault {
  constructor() {
    super('The body does not have the digest that the request promised.');
  }
}

/** A header of a transfer that cannot be understood. */
export class HeaderRefused extends Fault {}

export class RangeUnsatisfiable extends Fault {
  constructor(readonly size: number) {
    super('The file has no such range.');
  }
}
