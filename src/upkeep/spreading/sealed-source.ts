import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ByteBudget, SealedStage, type StageRoom } from '#chunks';
import { Config } from '../../config/index.js';
import { ConnectionHealth } from '../../connections/index.js';
import { GatherShards, type LyingShard, type MoveLease } from '../moving/index.js';
import type { ChunkId } from './chunk-spread.store.js';

/** What chunks that are spread anew hold in memory, of the gateway's byte budget; beyond it they wait on disk. */
const SHARE = 1 / 16;
const TURNS = 1024 * 1024;

export interface SourceRequest {
  readonly id: ChunkId;
  readonly shards: readonly LyingShard[];
  readonly sealed: number;
  readonly lease: MoveLease;
  readonly read: (bytes: number) => void;
}

/** A sealed chunk put together from its shards, as it was before they were made of it. */
@Injectable()
export class SealedSource implements OnModuleInit {
  private readonly room: StageRoom;

  constructor(
    private readonly gather: GatherShards,
    private readonly health: ConnectionHealth,
    @Inject(Config) config: Config,
  ) {
    this.room = {
      budget: new ByteBudget(Math.floor(config.byteBudget * SHARE)),
      turns: new ByteBudget(TURNS),
      folder: join(config.dataFolder, 'staging'),
    };
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.room.folder, { recursive: true, mode: 0o700 });
  }

  /**
   * One data shard after the other, each compared with its digest, or made of others where it is not what it was. Whoever
   * takes the stage releases it. Throws SourcesMissing.
   */
  async open({ id, shards, sealed, lease, read }: SourceRequest): Promise<SealedStage> {
    const { signal } = lease;
    const stage = await SealedStage.open(this.room, sealed, signal);
    try {
      for (let shard = 0; shard < shards[0]!.data; shard += 1) {
        const wanted = { ...id, shard };
        const flows = (bytes: number): void => {
          read(bytes);
          lease.flows();
        };
        const gathered = await this.gather.run({
          id: wanted,
          shards,
          sources: this.inOrder(shards, shard),
          signal,
          flows,
        });
        try {
          for await (const piece of gathered.body(() => lease.flows()).pieces()) {
            const wholeSoFar = piece.subarray(0, sealed - stage.length);
            if (wholeSoFar.length === 0) continue;
            using _turn = await stage.turn(wholeSoFar.length, signal);
            await stage.append([wholeSoFar]);
          }
        } finally {
          await gathered.release();
        }
      }
      await stage.complete();
      return stage;
    } catch (error) {
      await stage.release();
      throw error;
    }
  }

  /** The shard itself first; of the others those whose connections answered lately. */
  private inOrder(shards: readonly LyingShard[], wanted: number): LyingShard[] {
    const there = shards.filter((row) => row.state === 'live' && row.fault === null && !row.removed);
    const rank = (row: LyingShard): number => {
      if (row.given_up) return 2;
      if (row.shard === wanted) return -1;
      return this.health.shunned(row.connection) === null ? 0 : 1;
    };
    return there.sort((a, b) => rank(a) - rank(b) || a.shard - b.shard);
  }
}
