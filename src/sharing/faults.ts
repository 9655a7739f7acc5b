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

export class LinkDateUnfit extends Fault {
  constructor() {
    super('The date must lie ahead: a link that has expired gives nothing to anybody.');
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

/** Its first bytes are those of nothing that previews are made of. */
export class PictureUnknown extends Fault {
  constructor() {
    super('There are previews of JPEG, PNG, GIF, WebP, TIFF and AVIF pictures and of PDFs; this is none of these.');
  }
}

export class PictureTooLarge extends Fault {
  constructor() {
    super('The file has more bytes or more pixels than a preview is made of.');
  }
}

export class PictureBroken extends Fault {
  constructor() {
    super('No picture can be read out of the file: it is damaged, or not what it begins as.');
  }
}

export class PictureLocked extends Fault {
  constructor() {
    super('The document asks for a password before it shows a page.');
  }
}

/** Time or memory ran out over it, or its decoder failed. */
export class PictureTooCostly extends Fault {
  constructor() {
    super('The file takes more time or memory than a preview may.');
  }
}

export class PreviewsBusy extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('Too many previews are being made at this moment.', options);
  }
}

export class PreviewsOff extends Fault {
  constructor() {
    super('This gateway makes no previews: TESSERA_PREVIEW_DECODERS is 0.');
  }
}

/** Another gateway was quicker, or what it shows was erased meanwhile. */
export class PreviewNotKept extends Fault {
  constructor() {
    super('The preview was made for nothing to be kept.');
  }
}
