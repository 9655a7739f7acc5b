import { Inject, Injectable } from '@nestjs/common';
import type { UploadAddress, UploadAddressRequest } from '#contracts';
import { AuditRecord } from '../../audit/index.js';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { formatPath, parsePath } from '../../files/index.js';
import { AddressKeyring } from '../../keys/index.js';
import { AddressRefused } from '../faults.js';
import { type Allowed, decodeAllowed, encodeAllowed, joinAddress, splitAddress } from './address-format.js';
import { addressHolds, addressTerms } from './upload-address.store.js';

/**
 * Addresses that take one path's upload for a while and ask for no other credential. All that one allows stands in it, signed; nothing
 * is stored. It ends with its time, with its account, and with a change of the account's password or roles.
 */
@Injectable()
export class UploadAddresses {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly keyring: AddressKeyring,
    private readonly record: AuditRecord,
  ) {}

  async make(account: string, wanted: UploadAddressRequest): Promise<UploadAddress> {
    const path = formatPath(parsePath(wanted.path));
    const { seconds, replace, mostBytes = null } = wanted;
    const terms = await this.database.tx(async (sql) => {
      const details = { seconds, replace, mostBytes };
      await this.record.append(sql, { actor: account, account, action: 'upload-address.made', details });
      return addressTerms(sql, account, seconds);
    });
    if (!terms) throw new AddressRefused();
    const { until, credential_version: credentialVersion } = terms;
    const payload = encodeAllowed({ account, credentialVersion, until, mostBytes, replace, path });
    const address = joinAddress(payload, this.keyring.sign(payload));
    const url = `${this.config.publicUrl}/api/signed-uploads/${address}`;
    return { url, expiresAt: new Date(until * 1000).toISOString() };
  }

  /** What an address allows now. Nothing in it is looked at before its signature was checked. */
  async read(address: string): Promise<Allowed> {
    const parts = splitAddress(address);
    if (!parts || !this.keyring.isOurs(parts.payload, parts)) throw new AddressRefused();
    const allowed = decodeAllowed(parts.payload);
    if (!allowed || !(await addressHolds(this.database, allowed))) throw new AddressRefused();
    return allowed;
  }
}
