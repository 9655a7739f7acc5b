import { Fault } from '#contracts';

/** Another version of the protocol, or none. */
export class TusUnspoken extends Fault {
  constructor() {
    super('This address speaks tus 1.0.0: send “Tus-Resumable: 1.0.0”.');
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
