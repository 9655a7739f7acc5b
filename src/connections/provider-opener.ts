import { Inject, Injectable } from '@nestjs/common';
import { findProvider, type Settings, type StorageProvider } from '#storage';
import { Config } from '../config/index.js';
import { GatewayLease } from '../gateways/index.js';
import { ProviderUnknown } from './errors.js';

/** What it takes to open a provider: its settings with the secret ones among them, and our folder's name there. */
export interface OpenablePlace {
  readonly provider: string;
  readonly folder: string;
  readonly settings: Settings;
}

/** Opens bare providers, their markers unchecked: for the pool, and for tests before saving. */
@Injectable()
export class ProviderOpener {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly lease: GatewayLease,
  ) {}

  open({ provider, folder, settings }: OpenablePlace): Promise<StorageProvider> {
    const description = findProvider(provider);
    if (!description) throw new ProviderUnknown();
    const { allowHosts } = this.config;
    return description.open({ settings, folder, instance: this.lease.id, outbound: { allowHosts } });
  }
}
