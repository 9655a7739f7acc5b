import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import type { ConnectionRow } from './connections.store.js';
import { Credentials } from './credentials.js';
import { fromSettings } from './token-secrets.js';
import { sharesConsent } from './tokens.store.js';
import { Vendors } from './vendors.js';

/**
 * `revoked`: the vendor knows the consent no more, or had forgotten it already. `shared`: another connection lives by it,
 * so it stays. `not-offered`: only the person can withdraw it, at `withdrawAt`. `none`: there was no consent.
 */
export type Revocation =
  | { readonly outcome: 'revoked' | 'shared' | 'none' }
  | { readonly outcome: 'not-offered'; readonly withdrawAt: string };

/**
 * Withdraws a consent at the vendor. Only for a connection whose blobs are gone: access to single files may die with the
 * consent, and whoever connects anew would not find them. Needs the credentials, so it comes before they are destroyed.
 */
@Injectable()
export class RevokeConsent {
  constructor(
    private readonly database: Database,
    private readonly vendors: Vendors,
    private readonly credentials: Credentials,
  ) {}

  /** Throws ConnectionAway, Throttled, ApplicationMissing …: nothing is known then, and it may be tried again. */
  async run(row: ConnectionRow): Promise<Revocation> {
    const { refreshToken } = fromSettings(this.credentials.open(row));
    if (refreshToken === '') return { outcome: 'none' };
    if (await sharesConsent(this.database, row.id)) return { outcome: 'shared' };
    const client = this.vendors.client(row.provider);
    if (!client.revokes) return { outcome: 'not-offered', withdrawAt: this.vendors.rules(row.provider).withdrawAt };
    await client.revoke(refreshToken);
    return { outcome: 'revoked' };
  }
}
