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

export class BodyBeyondLimit extends Fault {
  constructor(most: number) {
    super(`The body is larger than the ${most} bytes that this address takes.`);
  }
}

/** A header of a transfer that cannot be understood. */
export class HeaderRefused extends Fault {}

export class RangeUnsatisfiable extends Fault {
  constructor(readonly size: number) {
    super('The file has no such range.');
  }
}

/** No upload of this account has this id, or its time is over. */
export class UploadUnknown extends Fault {
  constructor() {
    super('There is no such upload, or its time is over.');
  }
}

/** The client believes that the upload stands elsewhere. */
export class OffsetWrong extends Fault {
  constructor(readonly offset: number) {
    super(`The upload goes on at byte ${offset}.`);
  }
}

/** What the upload has stored cannot become a file any more; it was given up. */
export class UploadLost extends Fault {
  constructor() {
    super('Some of what this upload had stored was lost or changed meanwhile. It was given up; begin a new one.');
  }
}

/** A later request goes on with the same upload: this one has no say any more. */
export class UploadTakenOver extends Fault {
  override readonly retriable = true;

  constructor() {
    super('Another request goes on with this upload.');
  }
}

export class LengthChanged extends Fault {
  constructor() {
    super('The length of this upload was told before, or more has come already.');
  }
}

/** What came does not have the checksum that it came with; it does not count. */
export class ChecksumMismatch extends Fault {
  constructor() {
    super('What came does not have the checksum that was sent with it.');
  }
}

export class TooManyUploads extends Fault {
  constructor() {
    super('There are too many unfinished uploads. Finish or end some of them first.');
  }
}

export class TooManyChunks extends Fault {
  constructor() {
    super('This upload came in too many small pieces. Send more at a time.');
  }
}

/** More came than the upload said that it was long. */
export class UploadTooLong extends Fault {
  constructor() {
    super('This is more than the upload was said to be long.');
  }
}
