import { Inject, Injectable } from '@nestjs/common';
import { paddedLength, sealedLength } from '#crypto';
import { spaceFactor } from '#dispersal';
import { Config } from '../config/index.js';
import { isOfConnection, SpaceLedger, Spreads, StorageAway, StorageFull } from '../connections/index.js';
import { Quota, type QuotaReservation, type Spread } from '../contents/index.js';

/** Whether an upload fits, before its first byte: its quota is set aside, its room looked for. */
@Injectable()
export class RoomForUpload {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly quota: Quota,
    private readonly spreads: Spreads,
    private readonly space: SpaceLedger,
  ) {}

  /** What the account's contents take, and what it may still store: by its quota, and by what its connections said last. */
  async left(account: string): Promise<{ used: number; available: number | null }> {
    const { used, quota } = await this.quota.state(account);
    const { spread, candidates } = await this.spreads.plan(account);
    const frees = await Promise.all(
      candidates.map(async (candidate) => candidate.free ?? (await this.freeOn(candidate.id))),
    );
    const free = frees.reduce((sum, bytes) => sum + bytes, 0);
    const room = Math.floor((free * spread.data) / (spread.data + spread.parity));
    const available = Math.max(0, Math.min(room, quota === null ? Infinity : quota - used));
    return { used, available: Number.isFinite(available) ? available : null };
  }

  /** What never told its room may have any; what cannot be asked has none for now. */
  private async freeOn(connection: string): Promise<number> {
    try {
      return (await this.space.free(connection)) ?? Infinity;
    } catch (error) {
      if (!isOfConnection(error)) throw error;
      return 0;
    }
  }

  async reserve(
    account: string,
    length: number | undefined,
    /** What else has to fit beside it. */
    beside = 0,
  ): Promise<{ spread: Spread; reservation: QuotaReservation }> {
    const reservation = await this.quota.reserve(account, (length ?? 0) + beside);
    try {
      return { spread: await this.spreadFor(account, length), reservation };
    } catch (error) {
      reservation.release();
      throw error;
    }
  }

  /** The spread of a new content of this length, if there is room for it, whatever the quota says. */
  async spreadFor(account: string, length: number | undefined): Promise<Spread> {
    const { spread, candidates } = await this.spreads.plan(account);
    const sealed = length === undefined ? 0 : sealedTotal(length, this.config.chunkBytes);
    const needed = Math.ceil(sealed * spaceFactor(spread));
    const known = candidates.reduce((sum, candidate) => sum + (candidate.free ?? 0), 0);
    // What was known a while ago is trusted where there is plenty of room; else the providers are asked.
    if (needed > known / 2) await this.ask(candidates, needed);
    return spread;
  }

  /** What cannot be asked has no room for now; only where all could be asked is too little room a final answer. */
  private async ask(connections: readonly { id: string }[], length: number): Promise<void> {
    let away = false;
    const ask = async ({ id }: { id: string }): Promise<number> => {
      try {
        // A place that does not tell its room may have any.
        return (await this.space.free(id)) ?? Infinity;
      } catch (error) {
        if (!isOfConnection(error)) throw error;
        away = true;
        return 0;
      }
    };
    const free = await Promise.all(connections.map(ask));
    if (free.reduce((sum, bytes) => sum + bytes, 0) < length) throw away ? new StorageAway() : new StorageFull();
  }
}

function sealedTotal(length: number, chunkLength: number): number {
  const rest = length % chunkLength;
  const whole = ((length - rest) / chunkLength) * sealedLength(chunkLength);
  return rest === 0 ? whole : whole + sealedLength(paddedLength(rest, chunkLength));
}
