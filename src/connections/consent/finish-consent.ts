import { Injectable } from '@nestjs/common';
import {
  ApplicationRefused,
  CodeRefused,
  ConnectionAway,
  type GrantedTokens,
  missingScopes,
  type RemoteAccount,
  StorageFault,
} from '#storage';
import { Sessions } from '../../accounts/index.js';
import type { Connector } from '../connect.js';
import type { ConnectionRow } from '../connections.store.js';
import { ConnectionTestFailed, ConsentDenied, ConsentStateRefused } from '../errors.js';
import { Vendors } from '../vendors.js';
import { type ConsentFlow, ConsentFlows } from './consent-flows.js';
import { freshTokens } from './fresh-tokens.js';
import { KeepConsent } from './keep-consent.js';

/** What a browser brings back from a vendor's page. A parameter that came twice is in `repeated` and in nothing else. */
export interface BroughtBack {
  readonly provider: string;
  readonly states: readonly string[];
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly repeated: boolean;
  cookieNamed(name: string): string | undefined;
}

export interface FinishedConsent {
  readonly row: ConnectionRow;
  readonly account: string;
}

type TakenFlow = ConsentFlow & { readonly verifier: string };

/**
 * Ends what `StartConsent` began. The state is taken first, whatever else the answer says; nothing is written, and the
 * vendor is not asked, before it has proved whose answer this is.
 */
@Injectable()
export class FinishConsent {
  constructor(
    private readonly flows: ConsentFlows,
    private readonly sessions: Sessions,
    private readonly vendors: Vendors,
    private readonly keep: KeepConsent,
  ) {}

  /** Throws ConsentStateRefused, ConsentDenied, ConnectionTestFailed, AlreadyConnected, OtherAccount, ConnectionAway … */
  async run(brought: BroughtBack): Promise<FinishedConsent> {
    const flow = await this.flowOf(brought);
    if (brought.error !== undefined) throw refusalOf(brought.error);
    if (brought.code === undefined) throw new ConsentStateRefused();
    const by = await this.connectorOf(flow);
    const granted = await this.exchange(flow, brought.code);
    const remote = await this.identify(flow, granted);
    const row = await this.keep.run(by, { flow, granted, remote });
    return { row, account: by.account };
  }

  /** Every state that came along is used up, also those of an answer that is refused for coming twice or elsewhere. */
  private async flowOf({ provider, states, repeated, cookieNamed }: BroughtBack): Promise<TakenFlow> {
    const flows = await Promise.all(states.map((state) => this.flows.take(state, cookieNamed)));
    const [flow] = flows;
    if (!flow || flows.length !== 1 || repeated || flow.provider !== provider) throw new ConsentStateRefused();
    return flow;
  }

  /** The account may have been disabled, or the session ended, while its owner looked at the vendor's page. */
  private async connectorOf({ account, session }: ConsentFlow): Promise<Connector> {
    const standing = await this.sessions.standing(session);
    if (standing?.account !== account || !standing.roles.includes('user')) {
      throw new ConsentStateRefused('The sign-in that this was begun with has ended. Please sign in and start again.');
    }
    return { account, admin: standing.roles.includes('admin') };
  }

  private async exchange(flow: TakenFlow, code: string): Promise<GrantedTokens> {
    const { verifier, redirectUri, scopes, required } = flow;
    const granted = await this.vendors
      .client(flow.provider)
      .exchange({ code, verifier, redirectUri, scopes })
      .catch((error: unknown) => {
        throw error instanceof CodeRefused ? new ConsentStateRefused(error.message) : error;
      });
    if (missingScopes(required, granted.scopes ?? scopes).length > 0) {
      throw new ConsentDenied('Not all that is needed was granted. Please start again, and leave every box ticked.');
    }
    if (granted.refreshToken === null) {
      throw new ConsentDenied(
        'The vendor gave access for an hour only. Withdraw this gateway’s access in your account there, then start again.',
      );
    }
    return granted;
  }

  private async identify(flow: ConsentFlow, granted: GrantedTokens): Promise<RemoteAccount> {
    const tokens = freshTokens(granted.accessToken);
    const origin = this.vendors.origin(flow.provider);
    try {
      return sane(await this.vendors.rules(flow.provider).identify({ tokens, origin }));
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      const advice = 'Start again; if that does not help, allow the gateway more on the vendor’s page.';
      throw new ConnectionTestFailed({ failedStep: 'prepare', steps: [], reason: error.message, advice });
    }
  }
}

/** What a vendor says of an account is a stranger's word: one line, and of a bounded length. */
function sane({ id, name }: RemoteAccount): RemoteAccount {
  if (typeof id !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(id)) {
    throw new ConnectionAway('The vendor does not say whose account it is.');
  }
  const shown = String(name)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, 80);
  return { id, name: shown === '' ? id.slice(0, 80) : shown };
}

/** RFC 6749, 4.1.2.1. Only these words are known; whatever else stands there is not repeated. */
function refusalOf(error: string): Error {
  switch (error) {
    case 'server_error':
    case 'temporarily_unavailable':
      return new ConnectionAway('The vendor’s sign-in service cannot answer at the moment. Please start again.');
    case 'unauthorized_client':
    case 'invalid_scope':
    case 'unsupported_response_type':
    case 'invalid_request':
      return new ApplicationRefused(error);
    default:
      return new ConsentDenied('Access was refused on the vendor’s page. Nothing was saved.');
  }
}
