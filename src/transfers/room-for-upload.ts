import { Inject, Injectable } from '@nestjs/common';
import { paddedLength, sealedLength } from '#crypto';
import { Config } from '../config/index.js';
import { SpaceLedger, Spreads, StorageFull } from '../connections/index.js';
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

  async reserve(
    account: string,
    length: number | undefined,
  ): Promise<{ spread: Spread; reservation: QuotaReservation }> {
    const reservation = await this.quota.reserve(account, length ?? 0);
    try {
      const { spread, candidates } = await this.spreads.plan(account);
      const needed = length === undefined ? 0 : sealedTotal(length, this.config.chunkBytes);
      const known = candidates.reduce((sum, candidate) => sum + (candidate.free ?? 0), 0);
      // What was known a while ago is trusted where there is plenty of room; else the providers are asked.
      if (needed > known / 2) await this.ask(candidates, needed);
      return { spread, reservation };
    } catch (error) {
      reservation.release();
      throw error;
    }
  }

  private async ask(connections: readonly { id: string }[], length: number): Promise<void> {
    const free = await Promise.all(connections.map(({ id }) => this.space.free(id).catch(() => 0)));
    // A place that does not tell its room may have any.
    if (free.reduce<number>((sum, bytes) => sum + (bytes ?? Infinity), 0) < length) throw new StorageFull();
  }
}

function sealedTotal(length: number, chunkLength: number): number {
  const rest = length % chunkLength;
  const whole = ((length - rest) / chunkLength) * sealedLength(chunkLength);
  return rest === 0 ? whole : whole + sealedLength(paddedLength(rest, chunkLength));
}
