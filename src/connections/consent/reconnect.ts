import { Injectable } from '@nestjs/common';
import { probe } from '#storage';
import { AuditRecord } from '../../audit/index.js';
import { Database } from '../../database/index.js';
import { type Connector, type GivenConsent, notOpened } from '../connect.js';
import { ConnectionPool } from '../connection-pool.js';
import { bumpGeneration, type ConnectionRow, lockConnection } from '../connections.store.js';
import { Credentials } from '../credentials.js';
import { ConnectionTestFailed, ConnectionUnknown } from '../errors.js';
import { ProviderOpener } from '../provider-opener.js';
import { Tokens } from '../tokens.js';
import { replaceCredentials, storeGrant } from '../tokens.store.js';

/** Gives a connection new tokens for the same account over there: the row, and all that lies under it, stay. */
@Injectable()
export class Reconnect {
  constructor(
    private readonly database: Database,
    private readonly opener: ProviderOpener,
    private readonly credentials: Credentials,
    private readonly audit: AuditRecord,
    private readonly tokens: Tokens,
    private readonly pool: ConnectionPool,
  ) {}

  async run(by: Connector, row: ConnectionRow, consent: GivenConsent): Promise<ConnectionRow> {
    await this.try(row, consent);
    const sealed = this.credentials.seal(row, consent.secrets)!;
    const restored = await this.database.tx(async (sql) => {
      const found = await lockConnection(sql, row.id);
      if (!found) throw new ConnectionUnknown();
      await storeGrant(sql, row.id, consent.grant);
      await replaceCredentials(sql, row.id, sealed);
      await bumpGeneration(sql, row.id);
      const { id: subject, account, provider } = found;
      const entry = { actor: by.account, account, subject, details: { provider } };
      await this.audit.append(sql, { ...entry, action: 'connection.reconnected' });
      return (await lockConnection(sql, row.id))!;
    });
    await this.resume(row.id);
    return restored;
  }

  /** Opened anew, its marker looked at: what is shown of it from now on is how it is. */
  private async resume(id: string): Promise<void> {
    this.tokens.forget(id);
    await this.pool.close(id);
    await this.pool
      .provider(id)
      .then((provider) => provider.readMarker())
      .catch(() => {});
  }

  private async try({ provider, folder, settings }: ConnectionRow, { tokens }: GivenConsent): Promise<void> {
    const result = await this.opener
      .open({ provider, folder, settings, tokens })
      .then((opened) => probe(opened).finally(() => opened.close()), notOpened);
    if (!result.ok) throw new ConnectionTestFailed(result);
  }
}
