import { Injectable } from '@nestjs/common';
import type { Allowance } from '#chunks';
import { digestShards, ErasureCode, shardPieces } from '#dispersal';
import type { BlobBody } from '#storage';
import { ConnectionPool, type Place, PlaceShards, type PlaceRequest } from '../connections/index.js';
import type { Draft } from '../contents/index.js';
import { ByteBudgets } from './byte-budgets.js';
import type { SealedChunk } from './seal-chunks.js';

/** What a provider gathers of a body's pieces for one write, at most. */
const GATHERED = 1.25 * 1024 * 1024;
/** What the code works on at a time, over all shards. */
const SLICE = 512 * 1024;

/** A chunk whose intent is committed, and where each of its shards goes. */
export interface Sending {
  readonly draft: Draft;
  readonly chunk: SealedChunk;
  readonly code: ErasureCode;
  /** By shard; replaced when a shard goes elsewhere. */
  readonly places: Place[];
  readonly failed: PlaceRequest['failed'];
  /** One shard is planned anew at a time, so that two do not choose the same domain. */
  planning: Promise<unknown>;
}

/**
 * Brings a sealed chunk, as shards, to its connections. Room is reserved and the intent committed
 * before a byte is sent; then all shards are sent at one time, each for itself: a connection that is
 * full, away or refusing is replaced by another one without the client noticing, and what may lie at
 * the first place is condemned in the same statement. Done when every shard is durable.
 */
@Injectable()
export class SendChunk {
  constructor(
    private readonly place: PlaceShards,
    private readonly pool: ConnectionPool,
    private readonly budgets: ByteBudgets,
  ) {}

  /** Commits the plan; the bytes may be sent afterwards, beside those of other chunks. */
  async intend(draft: Draft, chunk: SealedChunk, signal: AbortSignal): Promise<Sending> {
    const code = ErasureCode.of(draft.spread);
    const length = code.shardLength(chunk.stage.length);
    const digests = await this.digests(code, chunk, signal);
    const failed: PlaceRequest['failed'] = new Map();
    const request = { ...requestFor(draft, chunk), length, taken: new Set<string>(), failed };
    const places = await this.place.run({ ...request, shards: digests.map((_, shard) => shard) });
    places.sort((a, b) => a.shard - b.shard);
    const sending = { draft, chunk, code, places, failed, planning: Promise.resolve() };
    const { index, keyId, length: plainLength } = chunk.entry;
    const shards = places.map((place) => {
      const digest = digests[place.shard] as Buffer;
      return { index: place.shard, digest, length, blob: blobOf(place, length) };
    });
    try {
      await draft.intend({ index, keyId, length: plainLength, wrappedKey: chunk.wrappedKey, shards });
    } catch (error) {
      this.giveUp(sending);
      throw error;
    }
    return sending;
  }

  /** Waits for all shards, also when one fails: nothing writes any more when this has ended. */
  async send(sending: Sending, signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const shards = sending.places.map(({ shard }) =>
      this.sendShard(sending, shard, either).catch((error: unknown) => failure.abort(error)),
    );
    await Promise.all(shards);
    either.throwIfAborted();
  }

  /** Room that was set aside and not used is free again. */
  giveUp(sending: Sending): void {
    for (const { space } of sending.places) space.done(false);
  }

  /** Of mirrors, the chunk's own digest, which was counted while it was sealed. */
  private async digests(code: ErasureCode, chunk: SealedChunk, signal: AbortSignal): Promise<Buffer[]> {
    if (chunk.digest) return Array<Buffer>(code.shards).fill(chunk.digest);
    using _inHand = await this.inHand(2 * Math.min(SLICE, chunk.stage.length), signal);
    return digestShards(code, chunk.stage);
  }

  private async sendShard(sending: Sending, shard: number, signal: AbortSignal): Promise<void> {
    const { draft, chunk, code } = sending;
    const body = bodyOf(code, chunk, shard);
    using _inHand = await this.roomFor(code, chunk, shard, signal);
    for (;;) {
      const place = sending.places[shard] as Place;
      try {
        const provider = await this.pool.provider(place.connection, place.replaceable ? 'short' : 'usual');
        const proof = await provider.put(place.name, body, { signal });
        draft.noteLive({ id: place.blob, checksum: proof.checksum });
        place.space.done(true);
        return;
      } catch (error) {
        place.space.done(false);
        signal.throwIfAborted();
        this.place.note(place.connection, error, sending.failed);
        const replanned = sending.planning.then(() => this.replan(sending, shard, body.length));
        sending.planning = replanned.catch(() => {});
        await replanned;
      }
    }
  }

  private async replan(sending: Sending, shard: number, length: number): Promise<void> {
    const { draft, chunk, places, failed } = sending;
    const taken = new Set(places.filter((place) => place.shard !== shard).map(({ domain }) => domain));
    const found = await this.place.run({ ...requestFor(draft, chunk), shards: [shard], length, taken, failed });
    const place = found[0] as Place;
    await draft.replan(chunk.entry.index, shard, blobOf(place, length)).catch((lost: unknown) => {
      place.space.done(false);
      throw lost;
    });
    places[shard] = place;
  }

  /** A data shard of a chunk in memory consists of pieces that are held already. */
  private roomFor(
    code: ErasureCode,
    { stage }: SealedChunk,
    shard: number,
    signal: AbortSignal,
  ): Promise<Allowance | null> | null {
    const length = code.shardLength(stage.length);
    const made = code.data > 1 && shard >= code.data;
    if (!made && !stage.onDisk) return null;
    return this.inHand(Math.min(GATHERED, length) + (made ? Math.min(SLICE, stage.length) : 0), signal);
  }

  /** From what nobody waits for, else in line for what is set aside for this. */
  private async inHand(bytes: number, signal: AbortSignal): Promise<Allowance | null> {
    const { uploads, readBack } = this.budgets;
    return uploads.budget.tryTake(bytes) ?? readBack.take(Math.min(bytes, readBack.limit), { signal });
  }
}

function requestFor(draft: Draft, chunk: SealedChunk): { account: string; seed: string } {
  return { account: draft.account, seed: `${draft.id}/${chunk.entry.index}` };
}

function bodyOf(code: ErasureCode, { stage }: SealedChunk, shard: number): BlobBody {
  if (code.data === 1) return stage;
  return { length: code.shardLength(stage.length), pieces: () => shardPieces(code, stage, shard) };
}

function blobOf(
  { blob, connection, name }: Place,
  length: number,
): {
  id: string;
  connection: string;
  name: string;
  length: number;
} {
  return { id: blob, connection, name, length };
}
