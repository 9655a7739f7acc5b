import { randomUUIDv7 } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import {
  type AccessTokens,
  findProvider,
  newFolderName,
  probe,
  readSettings,
  StorageFault,
  type ProbeResult,
  type ProviderDescription,
  type Settings,
  type StorageProvider,
} from '#storage';
import { AuditRecord } from '../audit/index.js';
import { Config } from '../config/index.js';
import { Database, violates } from '../database/index.js';
import { Credentials, splitSecrets } from './credentials.js';
import { insertConnection, type ConnectionRow, type NewConnection } from './connections.store.js';
import {
  AdminsOnly,
  AlreadyConnected,
  ConnectionTestFailed,
  ConsentNeeded,
  PlaceReserved,
  ProviderUnknown,
} from './errors.js';
import { Markers } from './marker.js';
import { noteMarked } from './marking.store.js';
import { type OpenablePlace, ProviderOpener } from './provider-opener.js';
import { type NewGrant, storeGrant } from './tokens.store.js';

export interface ConnectRequest {
  readonly provider: string;
  readonly label: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Open to every account; an admin's to decide. */
  readonly house: boolean;
  readonly domain?: string;
  /** What the person's consent gave, where the provider asks for one. */
  readonly consent?: GivenConsent;
}

export interface GivenConsent {
  readonly tokens: AccessTokens;
  /** The vendor's own id of the account. */
  readonly identity: string;
  readonly secrets: Settings;
  readonly grant: NewGrant;
}

/** What is kept of a place, and what opens it: only the one has its secrets sealed. */
interface Place {
  readonly kept: NewConnection;
  readonly opened: OpenablePlace;
  readonly grant?: NewGrant | undefined;
}

export interface Connector {
  readonly account: string;
  readonly admin: boolean;
}

/** Tries a place the way it will be used, and only then keeps it. */
@Injectable()
export class Connect {
  constructor(
    private readonly database: Database,
    @Inject(Config) private readonly config: Config,
    private readonly opener: ProviderOpener,
    private readonly markers: Markers,
    private readonly audit: AuditRecord,
    private readonly credentials: Credentials,
  ) {}

  async run(by: Connector, request: ConnectRequest): Promise<ConnectionRow> {
    const place = await this.place(by, request);
    const result = await this.try(place);
    if (!result.ok) throw new ConnectionTestFailed(result);
    return this.keep(by, place);
  }

  /** The same test, nothing kept. */
  async test(by: Connector, request: ConnectRequest): Promise<ProbeResult> {
    const result = await this.try(await this.place(by, request));
    if (!result.ok) throw new ConnectionTestFailed(result);
    return result;
  }

  /** What only admins may wish for is refused to others before anything is done. */
  refuseWishes(by: Connector, request: Omit<ConnectRequest, 'settings' | 'label'>): ProviderDescription {
    const description = findProvider(request.provider);
    if (!description) throw new ProviderUnknown();
    if (description.oauth && !request.consent) throw new ConsentNeeded(description.id);
    const adminsWish = description.adminsOnly || request.house || request.domain !== undefined;
    if (adminsWish && !by.admin) throw new AdminsOnly();
    return description;
  }

  /** What was typed, opened for its owner to look around in; nothing is written, and nothing kept. */
  async openUnsaved(by: Connector, request: ConnectRequest): Promise<StorageProvider> {
    return this.opener.open((await this.place(by, request)).opened);
  }

  private async place(by: Connector, request: ConnectRequest): Promise<Place> {
    const description = this.refuseWishes(by, request);
    const { house, consent, label } = request;
    const typed = readSettings(description.fields, request.settings);
    const opened = { provider: description.id, folder: newFolderName(), settings: typed, tokens: consent?.tokens };
    const settings = await this.settle(opened);
    const found = consent?.grant.vendorAccount ?? (await description.domainOf(settings).catch(() => 'unknown'));
    const place = { id: randomUUIDv7(), account: house ? null : by.account, provider: description.id };
    const { shown, secrets } = splitSecrets(description.fields, settings);
    const kept = {
      ...place,
      label,
      identity: consent?.identity ?? description.identityOf?.(settings) ?? found,
      domain: request.domain ?? found,
      folder: opened.folder,
      settings: shown,
      credentials: this.credentials.seal(place, { ...secrets, ...consent?.secrets }),
    };
    return { kept, opened: { ...opened, settings }, grant: consent?.grant };
  }

  private async settle(place: OpenablePlace): Promise<Settings> {
    const settings = await this.realPath(place.settings);
    try {
      return await this.opener.settle({ ...place, settings });
    } catch (error) {
      throw new ConnectionTestFailed(notOpened(error));
    }
  }

  /** Links are followed once, now: the vault is where it was tried, and two ways to one folder are one place. */
  private async realPath(settings: Settings): Promise<Settings> {
    const path = settings['path'];
    if (path === undefined) return settings;
    const real = await realpath(path).catch(() => path);
    const reserved = [this.config.dataFolder, await realpath(this.config.dataFolder).catch(() => '')];
    if (reserved.some((folder) => folder !== '' && (real === folder || real.startsWith(folder + sep)))) {
      throw new PlaceReserved();
    }
    return { ...settings, path: real };
  }

  private async try({ opened }: Place): Promise<ProbeResult> {
    try {
      const provider = await this.opener.open(opened);
      return await probe(provider).finally(() => provider.close());
    } catch (error) {
      return notOpened(error);
    }
  }

  /** The marker is written last before the row: a folder without a row is empty, a row without a marker cannot be. */
  private async keep(by: Connector, { kept: place, opened, grant }: Place): Promise<ConnectionRow> {
    const provider = await this.opener.open(opened);
    try {
      await this.markers.write(place.id, provider, 0);
      return await this.database.tx(async (sql) => {
        const row = await insertConnection(sql, place);
        await noteMarked(sql, row.id, {
          sequence: 0,
          epoch: this.markers.epoch,
          on: await this.markers.whereabouts(row),
        });
        if (grant) await storeGrant(sql, row.id, grant);
        const details = { provider: place.provider, house: place.account === null };
        await this.audit.append(sql, {
          actor: by.account,
          account: place.account,
          action: 'connection.made',
          subject: place.id,
          details,
        });
        return row;
      });
    } catch (error) {
      await provider.removeFolder().catch(() => {});
      if (violates(error, 'connections_one_place')) throw new AlreadyConnected();
      throw error;
    } finally {
      await provider.close();
    }
  }
}

/** Why a place could not even be opened, as its test tells it. Rethrows what is no fault of the place. */
export function notOpened(error: unknown): ProbeResult {
  if (!(error instanceof StorageFault)) throw error;
  return { ok: false, steps: [], failedStep: 'prepare', reason: error.message, advice: 'Check what you have typed.' };
}
