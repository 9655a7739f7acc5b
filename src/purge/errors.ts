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
