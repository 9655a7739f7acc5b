import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import {
  DayUsedUp,
  findProvider,
  type GatedRequest,
  type GateLimits,
  type GateState,
  PacedGate,
  type Pass,
  type ProviderLimits,
  type RequestGate,
  SecondLine,
} from '#storage';
import { Database } from '../database/index.js';
import { Ephemeral } from '../ephemeral/index.js';
import { GatewayLease } from '../gateways/index.js';
import { Metrics } from '../health/index.js';
import { readLimits } from './read-limits.js';
import { SharedTurnstile } from './shared-turnstile.js';
import { limitsOf } from './traffic.store.js';
import { movedBy, Traffic } from './traffic.js';

/** A change of limits in another gateway is heard of within this. */
const FRESH_MS = 3_000;

interface Paced {
  readonly id: string;
  readonly provider: string;
  readonly limits: Readonly<Record<string, unknown>>;
}

interface OwnGate {
  readonly provider: string;
  readonly paced: PacedGate;
  /** What upkeep asks comes after what people ask. */
  readonly line: SecondLine;
  used: boolean;
  known: string;
}

/** What stands before the requests of each connection, with the limits of its provider and its owner; and what is counted there. */
@Injectable()
export class Gates implements OnModuleInit, OnApplicationShutdown {
  private readonly gates = new Map<string, OwnGate>();
  private readonly listeners: ((connection: string) => void)[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly ephemeral: Ephemeral,
    private readonly lease: GatewayLease,
    private readonly traffic: Traffic,
    metrics: Metrics,
  ) {
    const sum = (of: (state: GateState) => number) => (gauge: Gauge<'provider'>) => {
      gauge.reset();
      for (const { provider, paced } of this.gates.values()) gauge.inc({ provider }, of(paced.state()));
    };
    const gauge = (name: string, help: string, collect: (gauge: Gauge<'provider'>) => void): void => {
      metrics.gauge({
        name,
        help,
        labelNames: ['provider'],
        collect() {
          collect(this);
        },
      });
    };
    gauge(
      'tessera_storage_requests_waiting',
      'Requests that wait for their turn.',
      sum(({ waiting }) => waiting),
    );
    gauge(
      'tessera_storage_requests_in_flight',
      'Requests under way.',
      sum(({ inHand }) => inHand),
    );
    gauge(
      'tessera_storage_connections_paused',
      'Open connections to which nothing goes out now.',
      sum(({ pausedMs }) => Number(pausedMs > 0)),
    );
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.refresh().catch(() => {}), FRESH_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  of(connection: Paced): RequestGate {
    const gate = this.gate(connection);
    const { id, provider } = connection;
    return { enter: (request, signal) => this.enter(id, provider, gate, request, signal) };
  }

  /** Calls when the limits of a connection are others than before. */
  onLimits(listener: (connection: string) => void): void {
    this.listeners.push(listener);
  }

  /** How it stands with one whose requests pass here; null where none did. */
  state(id: string): GateState | null {
    const gate = this.gates.get(id);
    return gate?.used ? gate.paced.state() : null;
  }

  /** Limits have changed, here or elsewhere. */
  heed({ id, provider, limits }: Paced): void {
    const gate = this.gates.get(id);
    const said = JSON.stringify(limits);
    if (!gate || gate.known === said) return;
    gate.known = said;
    gate.paced.setLimits(gateLimits(provider, limits));
    this.traffic.limitDay(id, dayLimit(provider, limits));
    for (const listener of this.listeners) listener(id);
  }

  /** Reads the limits of all connections that are open here; public for tests. */
  async refresh(): Promise<void> {
    const ids = [...this.gates.keys()];
    if (ids.length === 0) return;
    for (const { paced } of this.gates.values()) paced.remind();
    const rows = new Map((await limitsOf(this.database, ids)).map((row) => [row.id, row]));
    for (const id of ids) {
      const row = rows.get(id);
      if (row) this.heed({ ...row, provider: this.gates.get(id)!.provider });
      else this.forget(id);
    }
  }

  private forget(id: string): void {
    this.gates.delete(id);
    this.traffic.limitDay(id, null);
  }

  private gate({ id, provider, limits }: Paced): OwnGate {
    const known = this.gates.get(id);
    if (known) return known;
    const paced = new PacedGate({
      turnstile: new SharedTurnstile(this.ephemeral, `connection:${id}`),
      holder: () => this.lease.id,
      limits: gateLimits(provider, limits),
    });
    const gate = { provider, paced, line: new SecondLine(paced), used: false, known: JSON.stringify(limits) };
    this.gates.set(id, gate);
    this.traffic.limitDay(id, dayLimit(provider, limits));
    return gate;
  }

  private async enter(
    id: string,
    provider: string,
    gate: OwnGate,
    request: GatedRequest,
    signal?: AbortSignal,
  ): Promise<Pass> {
    gate.used = true;
    const full = request.kind === 'upload' ? this.traffic.dayIsFullFor(id, request.bytes) : 0;
    if (full > 0) throw new DayUsedUp(full);
    const pass = await gate.line.enter(request, signal);
    const moved = movedBy(request);
    if (moved) this.traffic.moves(id, provider, moved.direction, moved.bytes);
    return {
      end: (outcome) => {
        this.traffic.request(id, provider, outcome.kind);
        pass.end(outcome);
      },
    };
  }
}

/** The owner may set less than the provider's description says, never more. */
function gateLimits(provider: string, limits: Readonly<Record<string, unknown>>): GateLimits {
  const usual: ProviderLimits = findProvider(provider)?.limits ?? { concurrency: 4, requestsPerSecond: null };
  const own = readLimits(limits);
  return {
    concurrency: Math.min(usual.concurrency, own.concurrency ?? Infinity),
    requestsPerSecond: least(usual.requestsPerSecond, own.requestsPerSecond),
    unitsPerSecond: usual.unitsPerSecond ?? null,
    uploadBytesPerSecond: own.uploadBytesPerSecond ?? null,
    downloadBytesPerSecond: own.downloadBytesPerSecond ?? null,
  };
}

function dayLimit(provider: string, limits: Readonly<Record<string, unknown>>): number | null {
  return least(findProvider(provider)?.limits.uploadBytesPerDay, readLimits(limits).bytesPerDay);
}

function least(...values: (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : Math.min(...known);
}
