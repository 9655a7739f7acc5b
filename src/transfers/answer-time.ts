import type { ChunkRow } from '../contents/index.js';
import type { Hedging } from './hedging.js';
import type { Way } from './way.js';

/** Watches how long one shard takes: its connection learns from the first byte, and the way knows when it is late. */
export class AnswerTime {
  private began: number | null = null;
  private answered = false;

  constructor(
    private readonly hedging: Hedging,
    private readonly row: ChunkRow,
    private readonly way: Way,
  ) {}

  /** Asked for the next bytes. */
  expect(): void {
    const { connection, shard } = this.row;
    this.way.expect(shard, this.hedging.clock.now() + this.hedging.patienceMs(connection, !this.answered));
  }

  /** From here on it is the connection that takes the time, and not its opening. */
  begin(): void {
    this.began = this.hedging.clock.now();
  }

  came(): void {
    this.way.answered(this.row.shard);
    if (this.answered || this.began === null) return;
    this.answered = true;
    this.hedging.answered(this.row.connection, this.hedging.clock.now() - this.began);
  }

  /** Whoever was not waited for would have taken at least so long. What was given up before its time says nothing. */
  broke(): void {
    if (this.answered || this.began === null) return;
    const ms = this.hedging.clock.now() - this.began;
    if (ms >= this.hedging.patienceMs(this.row.connection, true)) this.hedging.answered(this.row.connection, ms);
  }
}
