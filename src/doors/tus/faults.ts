import { Fault } from '#contracts';

/** Another version of the protocol, or none. */
export class TusUnspoken extends Fault {
  constructor() {
    super('This address speaks tus 1.0.0: send “Tus-Resumable: 1.0.0”.');
  }
}

/** Each part would be a file of its own here. */
export class ConcatenationUnspoken extends Fault {
  constructor() {
    super('Uploads are not concatenated here: send the file as one upload, in as many parts as you like.');
  }
}

/** A POST to an upload says which method it stands for. */
export class OverrideUnfit extends Fault {
  constructor() {
    super('A POST to an upload stands for HEAD, PATCH or DELETE: say which in X-HTTP-Method-Override.');
  }
}

export class PartUntyped extends Fault {
  constructor() {
    super('A part of an upload has the type application/offset+octet-stream.');
  }
}

export class ChecksumUnknown extends Fault {
  constructor(known: readonly string[]) {
    super(`Upload-Checksum can be one of ${known.join(', ')}.`);
  }
}
