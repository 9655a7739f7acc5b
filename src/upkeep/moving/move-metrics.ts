import { Injectable } from '@nestjs/common';
import type { Counter, Gauge } from 'prom-client';
import { Metrics } from '../../health/index.js';
import type { Moved } from './moved.js';
import type { MoveReason } from './moves.store.js';

/** What this gateway has moved, and is moving. */
@Injectable()
export class MoveMetrics {
  private readonly moves: Counter<'why' | 'outcome'>;
  private readonly bytes: Counter<'why' | 'what'>;
  private readonly running: Gauge<'why'>;

  constructor(metrics: Metrics) {
    this.moves = metrics.counter({
      name: 'tessera_shard_moves_total',
      help: 'Shards that were to be moved, by what for and what came of it.',
      labelNames: ['why', 'outcome'],
    });
    this.bytes = metrics.counter({
      name: 'tessera_shard_move_bytes_total',
      help: 'Bytes of shards that were moved, and what was read and written for it.',
      labelNames: ['why', 'what'],
    });
    this.running = metrics.gauge({
      name: 'tessera_shard_moves_running',
      help: 'Shards that this gateway is moving.',
      labelNames: ['why'],
    });
  }

  async watch(why: MoveReason, move: () => Promise<Moved>): Promise<Moved> {
    this.running.inc({ why });
    try {
      const moved = await move();
      this.moves.inc({ why, outcome: moved.outcome });
      if (moved.outcome === 'moved') this.bytes.inc({ why, what: 'moved' }, moved.length);
      this.bytes.inc({ why, what: 'read' }, moved.read);
      this.bytes.inc({ why, what: 'written' }, moved.written);
      return moved;
    } finally {
      this.running.dec({ why });
    }
  }
}
