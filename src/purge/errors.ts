import { Fault, type Leaving } from '#contracts';

/** Files lie on the connection, and nobody said that they may become unreadable. */
export class ConnectionInUse extends Fault {
  readonly advice =
    'Copy these files to another connection, or delete them, and remove it then. «?force=true» removes it all the same: what lies only there cannot be read any more.';

  constructor(readonly leaving: Leaving) {
    const { files, bytes } = leaving.unreadable;
    const lies = files === 0 ? 'Parts of files lie' : `${files} files (${bytes} bytes) lie only`;
    super(`${lies} on this connection. It was not removed.`);
  }
}

/** What nobody deletes before its date would be unreadable without the connection: not even its owner says that it may. */
export class OriginalsThere extends Fault {
  constructor() {
    super('Immutable files lie only on this connection. Move everything off it first; then it can be removed.');
  }
}

/** A purge has done what it could, and something is left that cannot be reached now. It is tried again. */
export class PurgeUnfinished extends Fault {
  override readonly retriable = true;

  constructor(troubles: readonly Trouble[]) {
    const each = troubles.map(({ provider, reason }) => `${provider}: ${reason}`);
    super(`Not reached yet. ${each.join(' ')}`);
  }
}

export interface Trouble {
  readonly connection: string;
  readonly provider: string;
  /** In words for people; never a name or an address of the place. */
  readonly reason: string;
}
