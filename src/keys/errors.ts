import { Fault } from '#contracts';

/** The root key file is missing, malformed, or not the one that this database was made with. Stops the start. */
export class RootKeyUnusable extends Fault {}

/** The key that something was sealed under was destroyed: what it sealed is gone for good. */
export class KeyDestroyed extends Fault {
  constructor() {
    super('The key of this was destroyed; its content cannot be read any more.');
  }
}
