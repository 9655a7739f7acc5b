import { Fault } from '#contracts';

/** A header or a body of WebDAV's own that cannot be understood. */
export class DavUnreadable extends Fault {}

/** MKCOL and a few others take no body, or none of this kind. */
export class BodyUnexpected extends Fault {
  constructor() {
    super('This method takes no body.');
  }
}

/** The method is none for what lies at the address now. */
export class MethodUnfit extends Fault {}

/** What the protocol lets a server refuse, and this one does. */
export class DavRefused extends Fault {}
