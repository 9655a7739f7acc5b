import { Injectable } from '@nestjs/common';
import type { AccessTokens, Settings } from '#storage';
import type { ConnectionRow } from './connections.store.js';
import { Credentials } from './credentials.js';
import { Tokens } from './tokens.js';

/** What a connection that is kept is opened with. A process with the root key opens it itself; one without asks. */
export abstract class KeptSecrets {
  /** All its settings, with the secret ones among them. */
  abstract settings(row: ConnectionRow): Promise<Settings>;
  /** Of one that lives by a consent: access tokens as it goes, never what they are fetched with. */
  abstract tokens(row: Pick<ConnectionRow, 'id'>): AccessTokens;
}

@Injectable()
export class OwnSecrets extends KeptSecrets {
  constructor(
    private readonly credentials: Credentials,
    private readonly access: Tokens,
  ) {
    super();
  }

  async settings(row: ConnectionRow): Promise<Settings> {
    return { ...row.settings, ...this.credentials.open(row) };
  }

  tokens({ id }: Pick<ConnectionRow, 'id'>): AccessTokens {
    return this.access.of(id);
  }
}
