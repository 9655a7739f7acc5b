import { Inject, Injectable } from '@nestjs/common';
import {
  type AccessTokens,
  findProvider,
  openGate,
  type OpenPlace,
  type ProviderDescription,
  type Settings,
  type StorageProvider,
} from '#storage';
import { Config } from '../config/index.js';
import { GatewayLease } from '../gateways/index.js';
import type { ConnectionRow } from './connections.store.js';
import { ProviderUnknown } from './errors.js';
import { Gates } from './gates.js';
import { KeptSecrets } from './kept-secrets.js';
import { Vendors } from './vendors.js';

/** What it takes to open a provider: its settings with the secret ones among them, and our folder's name there. */
export interface OpenablePlace {
  readonly provider: string;
  readonly folder: string;
  readonly settings: Settings;
  /** Of a connection that is kept: what it is asked waits for its turn among all gateways. */
  readonly id?: string;
  readonly limits?: Readonly<Record<string, unknown>>;
  /** Where the provider asks for consent. */
  readonly tokens?: AccessTokens | undefined;
}

/** Opens bare providers, their markers unchecked: for the pool, and for tests before saving. */
@Injectable()
export class ProviderOpener {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly lease: GatewayLease,
    private readonly gates: Gates,
    private readonly secrets: KeptSecrets,
    private readonly vendors: Vendors,
  ) {}

  /** A connection as it is kept. Of a consent it is handed access tokens as it goes, never what they are fetched with. */
  async openKept(row: ConnectionRow): Promise<StorageProvider> {
    if (descriptionOf(row).oauth) return this.open({ ...row, tokens: this.secrets.tokens(row) });
    return this.open({ ...row, settings: await this.secrets.settings(row) });
  }

  open(place: OpenablePlace): Promise<StorageProvider> {
    return descriptionOf(place).open(this.whole(place));
  }

  /** The settings with what the provider wants decided before its place is used for the first time. */
  async settle(place: OpenablePlace): Promise<Settings> {
    return (await descriptionOf(place).settle?.(this.whole(place))) ?? place.settings;
  }

  private whole({ id, provider, folder, settings, limits = {}, tokens }: OpenablePlace): OpenPlace {
    const { allowHosts } = this.config;
    const gate = id === undefined ? openGate : this.gates.of({ id, provider, limits });
    const origin = this.vendors.origin(provider);
    const place = { settings, folder, instance: this.lease.id, outbound: { allowHosts }, gate, origin };
    return tokens ? { ...place, tokens } : place;
  }
}

function descriptionOf({ provider }: Pick<OpenablePlace, 'provider'>): ProviderDescription {
  const description = findProvider(provider);
  if (!description) throw new ProviderUnknown();
  return description;
}
