import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { chooseConnections, type Candidate } from '#dispersal';
import { ConnectionFull, type BlobName } from '#storage';
import {
  ConnectionHealth,
  isOfConnection,
  ConnectionPool,
  SpaceLedger,
  Spreads,
  StorageAway,
  StorageFull,
  type SpaceReservation,
} from '../connections/index.js';
import type { Draft } from '../contents/index.js';
import type { SealedChunk } from './seal-chunks.js';

interface Place {
  readonly connection: string;
  readonly blob: string;
  readonly name: BlobName;
  readonly space: SpaceReservation;
  /** Whether another connection could take its place: then it is not waited for as long. */
  readonly replaceable: boolean;
}

/**
 * Brings a sealed chunk to a connection. Room is reserved and the intent committed before a byte is
 * sent; a connection that is full, away or refusing is replaced by another one without the client
 * noticing, and what may lie at the first place is condemned in the same statement.
 */
@Injectable()
export class SendChunk {
  private readonly log = new Logger('transfers');

  constructor(
    private readonly spreads: Spreads,
    private readonly space: SpaceLedger,
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
  ) {}

  /** Commits the plan; the bytes may be sent afterwards, beside those of other chunks. */
  async intend(draft: Draft, chunk: SealedChunk): Promise<Sending> {
    const tried = new Set<string>();
    const place = await this.choose(draft, chunk, tried);
    const { entry, stage } = chunk;
    const blob = { id: place.blob, connection: place.connection, name: place.name, length: stage.length };
    const shard = { index: 0, digest: chunk.digest, length: stage.length, blob };
    const { index, keyId, length } = entry;
    try {
      await draft.intend({ index, keyId, length, wrappedKey: chunk.wrappedKey, shards: [shard] });
    } catch (error) {
      place.space.done(false);
      throw error;
    }
    return { draft, chunk, place, tried };
  }

  async send(sending: Sending, signal: AbortSignal): Promise<void> {
    const { draft, chunk, tried } = sending;
    for (let place = sending.place; ;) {
      try {
        const provider = await this.pool.provider(place.connection, place.replaceable ? 'short' : 'usual');
        const proof = await provider.put(place.name, chunk.stage, { signal });
        draft.noteLive({ id: place.blob, checksum: proof.checksum });
        place.space.done(true);
        return;
      } catch (error) {
        place.space.done(false);
        signal.throwIfAborted();
        this.note(place.connection, error);
        tried.add(place.connection);
        place = await this.choose(draft, chunk, tried, error);
        const blob = { id: place.blob, connection: place.connection, name: place.name, length: chunk.stage.length };
        await draft.replan(chunk.entry.index, 0, blob).catch((lost: unknown) => {
          place.space.done(false);
          throw lost;
        });
      }
    }
  }

  private note(connection: string, error: unknown): void {
    if (!isOfConnection(error)) throw error;
    this.health.failed(connection, error);
    if (error instanceof ConnectionFull) this.space.forget(connection);
    this.log.warn(`Connection ${connection} did not take a chunk (${error.name}); another one is tried.`);
  }

  /** Draws among the connections not tried yet; the next draw follows when the drawn one has no room after all. */
  private async choose(draft: Draft, chunk: SealedChunk, tried: Set<string>, last?: unknown): Promise<Place> {
    const { candidates } = await this.spreads.plan(draft.account);
    const length = chunk.stage.length;
    let failure = last;
    for (;;) {
      const seed = `${draft.id}/${chunk.entry.index}`;
      const drawn =
        draw(candidates, tried, length, seed) ?? draw(await this.asked(candidates, tried), tried, length, seed);
      if (!drawn) throw this.whyNone(candidates, failure);
      try {
        const space = await this.space.reserve(drawn.id, length);
        if (space) {
          const replaceable = candidates.some(({ id }) => id !== drawn.id && !tried.has(id));
          const name = await this.name(drawn.id, space);
          return { connection: drawn.id, blob: randomUUIDv7(), name, space, replaceable };
        }
        failure = new ConnectionFull();
      } catch (error) {
        this.note(drawn.id, error);
        failure = error;
      }
      tried.add(drawn.id);
    }
  }

  /** Full is final until somebody makes room; away passes. */
  private whyNone(candidates: readonly Candidate[], failure: unknown): Fault {
    const full = failure instanceof ConnectionFull || (failure === undefined && candidates.length > 0);
    return full ? new StorageFull() : new StorageAway(this.health.opensIn(candidates.map(({ id }) => id)));
  }

  private async name(connection: string, space: SpaceReservation): Promise<BlobName> {
    try {
      const provider = await this.pool.provider(connection);
      return await provider.nameBlob();
    } catch (error) {
      space.done(false);
      throw error;
    }
  }

  /** What was known of their room may be old: those that seem full are asked, when no other is left. */
  private asked(candidates: readonly Candidate[], tried: ReadonlySet<string>): Promise<Candidate[]> {
    const left = candidates.filter(({ id }) => !tried.has(id));
    return Promise.all(
      left.map(async (candidate) => ({ ...candidate, free: await this.space.free(candidate.id).catch(() => 0) })),
    );
  }
}

export interface Sending {
  readonly draft: Draft;
  readonly chunk: SealedChunk;
  readonly place: Place;
  readonly tried: Set<string>;
}

function draw(
  candidates: readonly Candidate[],
  tried: ReadonlySet<string>,
  length: number,
  seed: string,
): Candidate | undefined {
  const left = candidates.filter((candidate) => !tried.has(candidate.id));
  return chooseConnections(left, { shards: 1, length }, seed)?.[0];
}
