import type { Fault } from '#contracts';

/**
 * `moved`: it lies elsewhere, proved and counted. `gone`: there is nothing to move: erased, moved before, or found again.
 * `busy`: somebody else moves it. `nowhere`: no place takes it now. `unreadable`: too few shards of the chunk can be read.
 */
export type MoveOutcome = 'moved' | 'gone' | 'busy' | 'nowhere' | 'unreadable';

export interface Moved {
  readonly outcome: MoveOutcome;
  /** Of the shard; 0 where there was none. */
  readonly length: number;
  /** Bytes fetched from connections, and sent to them, also for what came to nothing. */
  readonly read: number;
  readonly written: number;
  /** Why, where the outcome is one that somebody may change. */
  readonly fault: Fault | null;
}

export interface MoveOptions {
  readonly signal: AbortSignal;
  /** The only connection that will do. */
  readonly to?: string;
  /** Connections that will not do. Where a shard lies already is one of them, unless it is repaired. */
  readonly avoid?: ReadonlySet<string>;
  /** The blob that the caller saw the shard in: if it is another one by now, there is nothing to move. */
  readonly from?: string;
}
