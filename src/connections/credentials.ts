import { Injectable, type OnModuleInit } from '@nestjs/common';
import { SealBroken } from '#crypto';
import type { ConnectField, Settings } from '#storage';
import { Database } from '../database/index.js';
import { CredentialKeyring, RootKeyring, RotateRoot, type SealedCredentials } from '../keys/index.js';
import type { ConnectionRow } from './connections.store.js';
import { credentialsUnderOtherEpochs, replaceCredentialWrapping } from './credentials.store.js';

interface Place {
  readonly id: string;
  readonly account: string | null;
  readonly provider: string;
}

type Sealed = Pick<
  ConnectionRow,
  'id' | 'account' | 'provider' | 'credentials' | 'credential_key' | 'credential_epoch'
>;

/** The secret ones among a connection's settings, sealed for its row and opened for the provider only. */
@Injectable()
export class Credentials implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly keyring: CredentialKeyring,
    private readonly roots: RootKeyring,
    private readonly rotation: RotateRoot,
  ) {}

  onModuleInit(): void {
    this.rotation.also((most) => this.rewrap(most));
  }

  /** Null where there is nothing secret. */
  seal(place: Place, secrets: Settings): SealedCredentials | null {
    if (Object.keys(secrets).length === 0) return null;
    const plaintext = Buffer.from(JSON.stringify({ provider: place.provider, secrets }));
    return this.keyring.seal({ account: place.account, connection: place.id }, plaintext);
  }

  open(row: Sealed): Settings {
    const sealed = sealedOf(row);
    if (!sealed) return {};
    const plaintext = this.keyring.open({ account: row.account, connection: row.id }, sealed);
    const { provider, secrets } = JSON.parse(plaintext.toString()) as { provider: string; secrets: Settings };
    if (provider !== row.provider) throw new SealBroken();
    return secrets;
  }

  private rewrap(most: number): Promise<number> {
    return this.database.tx(async (sql) => {
      const rows = await credentialsUnderOtherEpochs(sql, this.roots.currentEpoch, most);
      for (const row of rows) {
        const sealed = sealedOf(row);
        if (!sealed) continue;
        const place = { account: row.account, connection: row.id };
        await replaceCredentialWrapping(sql, row.id, this.keyring.rewrap(place, sealed));
      }
      return rows.length;
    });
  }
}

/** What the form's fields say is secret, apart from what may be shown. */
export function splitSecrets(
  fields: readonly ConnectField[],
  settings: Settings,
): { shown: Settings; secrets: Settings } {
  const secret = new Set(fields.filter((field) => field.secret).map((field) => field.name));
  const pick = (wanted: boolean): Settings =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => secret.has(name) === wanted));
  return { shown: pick(false), secrets: pick(true) };
}

function sealedOf(row: Sealed): SealedCredentials | null {
  const { credentials, credential_key, credential_epoch } = row;
  if (!credentials || !credential_key || credential_epoch === null) return null;
  return { sealed: credentials, wrappedKey: credential_key, epoch: credential_epoch };
}
