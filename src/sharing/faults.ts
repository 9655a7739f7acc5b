import { Fault } from '#contracts';

/** All archives together hold what may be held of their directories. */
export class ArchivesFull extends Fault {
  override readonly retriable = true;

  constructor() {
    super('Too many files are being packed into archives at this moment.');
  }
}
