import { Injectable } from '@nestjs/common';
import { type AccessTokens, ConnectionAway, type Settings, type StorageProvider } from '#storage';
import type { ConnectionRow } from '../connections.store.js';
import { Database } from '../../database/index.js';
import { MarkerAlarm } from '../errors.js';
import { FOREIGN, type Found, GONE, type Markers, whereaboutsOf } from '../marker.js';
import { hasBlobs } from '../marking.store.js';
import { KeptSecrets } from '../kept-secrets.js';
import { AskGateway } from './ask-gateway.js';

/** What a connection is opened with, for a process that cannot open it itself. */
@Injectable()
export class AskedSecrets extends KeptSecrets {
  constructor(private readonly gateway: AskGateway) {
    super();
  }

  async settings({ id }: ConnectionRow): Promise<Settings> {
    const answer = await this.gateway.ask({ ask: 'open', connection: id });
    return 'settings' in answer ? answer.settings : unlike();
  }

  tokens({ id }: Pick<ConnectionRow, 'id'>): AccessTokens {
    const ask = async (refused: string | null): Promise<string> => {
      const answer = await this.gateway.ask({ ask: 'renew', connection: id, refused });
      return 'token' in answer ? answer.token : unlike();
    };
    return { current: () => ask(null), renew: (refused) => ask(refused) };
  }
}

/** Whose folder it is, for a process that can open no marker, and so never writes one. */
@Injectable()
export class AskedMarkers implements Pick<Markers, 'look' | 'check' | 'beginAnew' | 'whereabouts'> {
  constructor(
    private readonly database: Database,
    private readonly gateway: AskGateway,
  ) {}

  async look({ id }: Pick<ConnectionRow, 'id'>, provider: StorageProvider): Promise<Found> {
    const sealed = (await provider.readMarker())?.toString('base64') ?? null;
    const answer = await this.gateway.ask({ ask: 'marker', connection: id, sealed });
    return { whose: 'whose' in answer ? answer.whose : unlike(), sequence: 0 };
  }

  /** A place that was never used is made ours by a gateway, before or after. */
  async check(connection: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    const { whose } = await this.look(connection, provider);
    if (whose === 'other') throw new MarkerAlarm(FOREIGN);
    if (whose === 'nobody' && (await hasBlobs(this.database, connection.id))) throw new MarkerAlarm(GONE);
    if (whose === 'nobody') throw new ConnectionAway('No gateway has used this connection yet.');
    return whose === 'ours';
  }

  async beginAnew({ id }: Pick<ConnectionRow, 'id'>): Promise<void> {
    await this.gateway.ask({ ask: 'begin', connection: id });
  }

  whereabouts(row: Pick<ConnectionRow, 'provider' | 'settings'>): Promise<string | null> {
    return whereaboutsOf(row);
  }
}

/** A process without the root key fetches no token itself, and so remembers none. */
@Injectable()
export class NoTokens {
  forget(): void {}
}

function unlike(): never {
  throw new ConnectionAway('The gateway answered another question than was asked.');
}
