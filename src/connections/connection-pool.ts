import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import {
  askingBeforeDeletes,
  briskRetryBudget,
  isInSecondLine,
  keepsTemporaries,
  type ListsFolders,
  listsFolders,
  metered,
  retrying,
  type StorageProvider,
} from '#storage';
import { Database } from '../database/index.js';
import { aliveGateways, GatewayLease } from '../gateways/index.js';
import { ConnectionHealth } from './connection-health.js';
import { connectionById } from './connections.store.js';
import { DeletionHold } from './deletion-hold.js';
import { ConnectionUnknown } from './errors.js';
import { Markers } from './marker.js';
import { ProviderOpener } from './provider-opener.js';

/**
 * How long a call is tried again. `short`: just long enough to get over a hiccup, where another connection would do.
 * `none`: not at all, where another one can be asked at once.
 * `usual`: reading as long as makes sense by itself, writing as long as a client waits for its answer.
 */
export type Patience = 'usual' | 'short' | 'none';
const CLIENT_WAITS_MS = 30_000;

/** The open connections of this gateway: each provider once, its marker checked, behaviour wrapped around it here and nowhere else. */
@Injectable()
export class ConnectionPool implements BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly log = new Logger('connections');
  private readonly opened = new Map<string, Promise<Record<Patience, StorageProvider>>>();
  /** The same without what is wrapped around them. */
  private readonly bare = new Map<string, StorageProvider>();
  /** Of what is open: by the row that it was opened with. */
  readonly generations = new Map<string, number>();
  private readonly stopping = new AbortController();
  private peopleAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly markers: Markers,
    private readonly health: ConnectionHealth,
    lease: GatewayLease,
    private readonly opener: ProviderOpener,
    private readonly hold: DeletionHold,
  ) {
    // What is half-written under the old name may be swept by others from now on.
    lease.onRebirth(() => void Promise.all([...this.opened.keys()].map((id) => this.close(id))));
  }

  /** Throws what opening throws (ConnectionAway, MarkerAlarm …); the next call tries again. */
  async provider(id: string, patience: Patience = 'usual'): Promise<StorageProvider> {
    if (!isInSecondLine()) this.peopleAt = performance.now();
    return (await (this.opened.get(id) ?? this.openOnce(id)))[patience];
  }

  /** For how long nobody but upkeep has asked for any connection here: no longer than a chunk takes while somebody is served. */
  get quietMs(): number {
    return performance.now() - this.peopleAt;
  }

  /** Whoever shows the folders of this connection; undefined where its provider cannot. */
  async folders(id: string): Promise<ListsFolders | undefined> {
    await this.provider(id);
    const provider = this.bare.get(id);
    return provider && listsFolders(provider) ? provider : undefined;
  }

  /** Clears away what gateways that are dead by now had half-written on a connection that is open here. */
  async sweepTemporaries(id: string): Promise<void> {
    const provider = this.bare.get(id);
    if (!provider || !keepsTemporaries(provider) || (await this.hold.stands())) return;
    const owners = await provider.temporaryOwners();
    if (owners.length === 0) return;
    const alive = await aliveGateways(this.database);
    await provider.sweepTemporary(owners.filter((owner) => !alive.has(owner)));
  }

  /** A provider whose marker nobody has compared: for whoever has to find out what became of the place, and closes it. */
  async unchecked(id: string): Promise<StorageProvider> {
    const row = await connectionById(this.database, id);
    if (!row) throw new ConnectionUnknown();
    const brisk = retrying(await this.opener.openKept(row), { stop: this.stopping.signal, budget: briskRetryBudget });
    return this.held(metered(brisk, this.health.meter(id, row.provider)));
  }

  /** An open provider that is the caller's from now on, to use and to close; the next use of the pool opens another. */
  async take(id: string): Promise<StorageProvider> {
    const provider = await this.provider(id);
    this.opened.delete(id);
    this.bare.delete(id);
    this.generations.delete(id);
    return provider;
  }

  /** The next use opens it anew, its marker checked again. */
  async close(id: string): Promise<void> {
    const known = this.opened.get(id);
    this.opened.delete(id);
    this.bare.delete(id);
    this.generations.delete(id);
    await known?.then(({ usual }) => usual.close()).catch(() => {});
  }

  /** Whoever waits for a connection to be ready again gets an answer now. */
  beforeApplicationShutdown(): void {
    this.stopping.abort();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.opened.keys()].map((id) => this.close(id)));
  }

  private openOnce(id: string): Promise<Record<Patience, StorageProvider>> {
    const opening = this.open(id);
    this.opened.set(id, opening);
    opening.catch((error: Error) => {
      if (this.opened.get(id) === opening) this.opened.delete(id);
      this.health.failed(id, error);
    });
    return opening;
  }

  private async open(id: string): Promise<Record<Patience, StorageProvider>> {
    const row = await connectionById(this.database, id);
    if (!row) throw new ConnectionUnknown();
    const provider = await this.opener.openKept(row);
    try {
      await this.markers.check(row, provider);
    } catch (error) {
      this.log.warn(`Connection ${id}: ${(error as Error).message}`);
      await provider.close();
      throw error;
    }
    this.bare.set(id, provider);
    this.generations.set(id, row.generation);
    const meter = this.health.meter(id, row.provider);
    const stop = this.stopping.signal;
    const held = (wrapped: StorageProvider): StorageProvider => this.held(metered(wrapped, meter));
    return {
      usual: held(retrying(provider, { stop, writing: { totalMs: CLIENT_WAITS_MS } })),
      short: held(retrying(provider, { stop, budget: briskRetryBudget })),
      none: held(provider),
    };
  }

  private held(wrapped: StorageProvider): StorageProvider {
    return askingBeforeDeletes(wrapped, () => this.hold.check());
  }
}
