import { SettingRefused } from '../errors.js';
import type { AccessTokens, OAuthRules } from '../oauth/rules.js';
import type { OutboundRules } from '../outbound/index.js';
import type { StorageProvider, Traits } from '../provider.js';
import type { RequestGate } from '../request-gate.js';

/** All that the rest of Tessera, the connect form included, has to know about a kind of storage. */
export interface ProviderDescription {
  readonly id: string;
  readonly title: string;
  /** One sentence for the list of providers. */
  readonly summary: string;
  /** `form`: the fields are all there is to it. `consent`: the provider's own page asks the person. */
  readonly connect: 'form' | 'consent';
  readonly fields: readonly ConnectField[];
  /** What a person needs to know before connecting, in plain words. */
  readonly help: string;
  readonly links: readonly { readonly title: string; readonly url: string }[];
  /** It reaches into the gateway's own machine, so only an admin may connect it. */
  readonly adminsOnly: boolean;
  readonly traits: Traits;
  readonly limits: ProviderLimits;
  /** How it is asked for consent; there where `connect` is `consent`. */
  readonly oauth?: OAuthRules;
  /** A page of the provider's own that hands out a login made for us, so that nobody has to copy a password. */
  readonly webLogin?: WebLogin;
  open(place: OpenPlace): Promise<StorageProvider>;
  /**
   * Asked once, before a place is tried for the first time: the settings, and with them what has to be decided for good
   * so that all who open it mean the same (ids that the provider hands out beforehand). Nothing of it is secret.
   */
  settle?(place: OpenPlace): Promise<Settings>;
  /** Where two connections give the same answer, they are one place. Without it, those that fail together are. */
  identityOf?(settings: Settings): string;
  /** Where two connections give the same answer, they fail together. */
  domainOf(settings: Settings): Promise<string>;
}

export interface WebLogin {
  /** Takes what a person typed so far; answers with the page for them, and with the ticket, a secret, to collect by. */
  begin(asked: {
    readonly settings: Settings;
    readonly outbound?: OutboundRules;
  }): Promise<{ readonly page: string; readonly ticket: string; readonly lastsMs: number }>;
  /** The settings that the form would have given, or null until the person has finished. They are given only once. */
  collect(asked: { readonly ticket: string; readonly outbound?: OutboundRules }): Promise<Settings | null>;
  /** Takes a login back that was collected. Gone already is fine. */
  withdraw(login: { readonly settings: Settings; readonly outbound?: OutboundRules }): Promise<void>;
}

/** What a connection of this kind may be asked to do; the owner may set less. */
export interface ProviderLimits {
  readonly concurrency: number;
  readonly requestsPerSecond: number | null;
  /** In the units that `GatedRequest.units` tells, where the provider counts in such. */
  readonly unitsPerSecond?: number | null;
  /** What the provider lets one account upload in a day, where it says so. */
  readonly uploadBytesPerDay?: number | null;
}

export interface ConnectField {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'path' | 'url' | 'password';
  readonly required: boolean;
  /** Kept sealed, and never shown again. */
  readonly secret: boolean;
  readonly help: string;
}

export type Settings = Readonly<Record<string, string>>;

export interface OpenPlace {
  /** The secret ones among them, too. */
  readonly settings: Settings;
  /** The name of our own folder there. */
  readonly folder: string;
  /** Who opens it, unlike anyone who opens it at the same time. */
  readonly instance: string;
  /** What the operator allows to addresses that somebody typed. Without it: the open internet and nothing else. */
  readonly outbound?: OutboundRules;
  /** Where the provider asks for consent: the tokens that came of it. */
  readonly tokens?: AccessTokens;
  /** One origin that stands in for all hosts of this provider, paths unchanged. */
  readonly origin?: string | null;
  /** What stands before each request over the network. Without it nothing does. */
  readonly gate?: RequestGate;
}

const longestSetting = 4096;

/** What somebody typed, held against the fields: everything required is there, and nothing else is. */
export function readSettings(fields: readonly ConnectField[], typed: Readonly<Record<string, unknown>>): Settings {
  const settings: Record<string, string> = {};
  for (const { name, label, required } of fields) {
    const value = typed[name];
    if (value === undefined || value === '') {
      if (required) throw new SettingRefused(name, `“${label}” is missing.`);
    } else if (typeof value !== 'string' || value.length > longestSetting || value.includes('\0')) {
      throw new SettingRefused(name, `“${label}” has to be a text of at most ${longestSetting} characters.`);
    } else {
      settings[name] = value;
    }
  }
  for (const name of Object.keys(typed)) {
    if (!fields.some((field) => field.name === name)) throw new SettingRefused(name, 'There is no such field.');
  }
  return settings;
}
