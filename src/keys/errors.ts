import { Fault } from '#contracts';

/** The root key file is missing, malformed, or not the one that this database was made with. Stops the start. */
export class RootKeyUnusable extends Fault {}

/** What is asked for lies under a root epoch that this gateway's file lacks: it was rotated elsewhere, or the row was changed. */
export class RootEpochMissing extends RootKeyUnusable {
  override readonly retriable = true;
  constructor(epoch: number) {
    super(`The root key of epoch ${epoch} is not in this gateway's root key file.`);
  }
}

/** The key that something was sealed under was destroyed: what it sealed is gone for good. */
export class KeyDestroyed extends Fault {
  constructor() {
    super('The key of this was destroyed; its content cannot be read any more.');
  }
}
