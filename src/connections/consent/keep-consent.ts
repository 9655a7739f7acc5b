import { Injectable } from '@nestjs/common';
import { findProvider, type GrantedTokens, type RemoteAccount } from '#storage';
import { Database } from '../../database/index.js';
import { Connect, type Connector, type GivenConsent } from '../connect.js';
import { connectionAt, connectionById, type ConnectionRow } from '../connections.store.js';
import { AdminsOnly, AlreadyConnected, ConnectionUnknown, OtherAccount } from '../errors.js';
import { asSettings, timesOf } from '../token-secrets.js';
import { Vendors } from '../vendors.js';
import type { ConsentFlow } from './consent-flows.js';
import { freshTokens } from './fresh-tokens.js';
import { Reconnect } from './reconnect.js';

export interface Consented {
  readonly flow: ConsentFlow;
  readonly granted: GrantedTokens;
  readonly remote: RemoteAccount;
}

/**
 * What becomes of a consent: a new connection; or the one that had lost it, restored; or a refusal. A remote account is
 * connected once, whoever asks: two connections to it would be one failure domain that looks like two. Tokens of a
 * refused consent are forgotten and not withdrawn, because withdrawing would end the consent of the connection that
 * there is.
 */
@Injectable()
export class KeepConsent {
  constructor(
    private readonly database: Database,
    private readonly vendors: Vendors,
    private readonly connect: Connect,
    private readonly reconnect: Reconnect,
  ) {}

  async run(by: Connector, consented: Consented): Promise<ConnectionRow> {
    const { flow, remote } = consented;
    const consent = this.consentOf(consented);
    if (flow.reconnect !== null) {
      const row = await connectionById(this.database, flow.reconnect);
      if (!row || (row.account !== null && row.account !== by.account)) throw new ConnectionUnknown();
      if (row.account === null && !by.admin) throw new AdminsOnly();
      if (row.identity !== remote.id) throw new OtherAccount();
      return this.reconnect.run(by, row, consent);
    }
    const there = await connectionAt(this.database, flow.provider, remote.id);
    if (there && mayRestore(by, there)) return this.reconnect.run(by, there, consent);
    if (there) throw new AlreadyConnected(wordsFor(by, there));
    const request = { provider: flow.provider, label: flow.label ?? labelFor(flow.provider, remote), settings: {} };
    const domain = flow.domain === null ? {} : { domain: flow.domain };
    return this.connect.run(by, { ...request, ...domain, house: flow.house, consent });
  }

  private consentOf({ flow, granted, remote }: Consented): GivenConsent {
    const { accessToken, refreshToken } = granted;
    return {
      tokens: freshTokens(accessToken),
      identity: remote.id,
      secrets: asSettings({ accessToken, refreshToken: refreshToken ?? '', scopes: flow.scopes }),
      grant: {
        vendorAccount: `${this.vendors.rules(flow.provider).application}:${remote.id}`,
        remoteName: remote.name,
        ...timesOf(granted),
      },
    };
  }
}

/** Whoever connects an account anew whose consent had ended wants that connection back, and not to hear that it is there. */
function mayRestore(by: Connector, row: ConnectionRow): boolean {
  const theirs = row.account === by.account || (row.account === null && by.admin);
  return theirs && row.needs_reconnect_at !== null;
}

function wordsFor(by: Connector, { account, label }: ConnectionRow): string {
  if (account === by.account) return `This account is connected already, as “${label}”.`;
  if (account === null) return 'This account is connected already, as one of the house’s.';
  return 'This account is connected to this gateway already, by somebody else.';
}

/** At most the 50 characters that a label may have. */
function labelFor(provider: string, { name }: RemoteAccount): string {
  return `${findProvider(provider)?.title ?? provider} ${name}`.slice(0, 50).trim();
}
