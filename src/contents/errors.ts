import { Fault } from '#contracts';

/** The account's quota has no room for it. */
export class QuotaExceeded extends Fault {
  constructor() {
    super('This does not fit into the quota of the account.');
  }
}

/** The draft was given up while it was being filled: its gateway was taken for dead, or somebody swept it. */
export class DraftLost extends Fault {
  override readonly retriable = true;
  constructor() {
    super('The upload was interrupted and given up. Nothing of it was kept; please send it again.');
  }
}

/** The slab that the bytes were to be taken from was closed meanwhile; another one serves. Never reaches a person. */
export class SlabClosed extends Fault {
  override readonly retriable = true;
  constructor() {
    super('The reserved room was closed meanwhile.');
  }
}

/** What is stored does not open: damaged, or exchanged. */
export class ContentDamaged extends Fault {
  constructor() {
    super('The stored content is damaged and was not delivered.');
  }
}
