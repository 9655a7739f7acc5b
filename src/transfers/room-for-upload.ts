import { Injectable } from '@nestjs/common';
import { SpaceLedger, Spreads, StorageFull } from '../connections/index.js';
import { Quota, type QuotaReservation, type Spread } from '../contents/index.js';

/** Whether an upload fits, before its first byte: its quota is set aside, its room looked for. */
@Injectable()
export class RoomForUpload {
  constructor(
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
      const ids = candidates.map((candidate) => candidate.id);
      const known = candidates.map((candidate) => candidate.free);
      if (length !== undefined && length > sumOf(known)) await this.ask(ids, length);
      return { spread, reservation };
    } catch (error) {
      reservation.release();
      throw error;
    }
  }

  /** What we knew says no: the providers are asked before we do. */
  private async ask(connections: readonly string[], length: number): Promise<void> {
    const free = await Promise.all(connections.map((id) => this.space.free(id).catch(() => 0)));
    if (sumOf(free) < length) throw new StorageFull();
  }
}

/** A place that does not tell its room may have any. */
function sumOf(free: readonly (number | null)[]): number {
  return free.reduce<number>((sum, bytes) => sum + (bytes ?? Infinity), 0);
}
