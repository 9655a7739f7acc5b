import { Injectable, Logger } from '@nestjs/common';
import { SealBroken } from '#crypto';
import { BlobMissing, BlobTruncated } from '#storage';
import { ConnectionHealth, ConnectionPool } from '../connections/index.js';
import { type BlobFault, type ChunkRow, Losses } from '../contents/index.js';
import { Hedging } from './hedging.js';
import { ShardReader } from './shard-reader.js';

/** Readers of an account's shards, which tell what they met: to the connection's health, and of lost bytes to the rows. */
@Injectable()
export class OpenShards {
  private readonly log = new Logger('transfers');

  constructor(
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
    private readonly hedging: Hedging,
    private readonly losses: Losses,
  ) {}

  of(account: string, spread: { data: number; parity: number }): ShardReader {
    return new ShardReader({
      spread,
      provider: (connection, patience) => this.pool.provider(connection, patience),
      shunned: (connection) => this.health.shunned(connection) === 'away',
      onFault: (shard, error) => this.blame(account, shard, error),
      hedging: this.hedging,
    });
  }

  private blame(account: string, { connection, blob, fault }: ChunkRow, error: unknown): void {
    this.log.warn(`Connection ${connection} did not give back what it was given: ${(error as Error).name}`);
    this.health.failed(connection, error);
    const found = faultOf(error);
    if (found !== null && found !== fault) this.losses.met({ account, blob, fault: found });
  }
}

/** Null for what says nothing about the bytes: the place is away, or refuses. */
function faultOf(error: unknown): BlobFault | null {
  if (error instanceof BlobMissing) return 'missing';
  return error instanceof BlobTruncated || error instanceof SealBroken ? 'damaged' : null;
}
