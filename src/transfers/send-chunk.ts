import { Injectable, Logger } from '@nestjs/common';
import type { Allowance } from '#chunks';
import { digestShards, ErasureCode, shardPieces } from '#dispersal';
import { type BlobBody, type Clock, systemClock } from '#storage';
import { ConnectionPool, type Place, PlaceShards, type PlaceRequest, StorageAway } from '../connections/index.js';
import type { Draft } from '../contents/index.js';
import { ByteBudgets } from './byte-budgets.js';
import type { SealedChunk } from './seal-chunks.js';
import { ShardPace } from './shard-pace.js';

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
  readonly pace: ShardPace;
  /** Whether a place was given up because it took too long. */
  overtaken: boolean;
}

interface Attempt {
  readonly shard: number;
  readonly body: BlobBody;
  /** Nothing else is left, so that its own place is waited for. */
  readonly patient: boolean;
}

/** Never leaves this file: another place has the shard. */
class ShardOvertaken extends Error {}

/**
 * Brings a sealed chunk, as shards, to its connections. Room is reserved and the intent committed
 * before a byte is sent; then all shards are sent at one time, each for itself: a connection that is
 * full, away or refusing is replaced by another one without the client noticing, and what may lie at
 * the first place is condemned in the same statement. One shard may wait in the spool for its place, and a place that
 * takes far longer than the others did is not waited for where another one can be had. Done when every shard is durable.
 */
@Injectable()
export class SendChunk {
  private readonly log = new Logger('transfers');
  /** For tests. */
  clock: Clock = systemClock;

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
    const spool = draft.spread.parity > 0;
    const request = { ...requestFor(draft, chunk), length, taken: new Set<string>(), failed, spool };
    const places = await this.place.run({ ...request, shards: digests.map((_, shard) => shard) });
    places.sort((a, b) => a.shard - b.shard);
    const pace = new ShardPace(code, this.clock);
    const sending = { draft, chunk, code, places, failed, pace, overtaken: false, planning: Promise.resolve() };
    const { index, keyId, length: plainLength } = chunk.entry;
    const shards = places.map((place) => {
      const digest = digests[place.shard] as Buffer;
      return { index: place.shard, digest, length, blob: blobOf(place, length), home: place.home };
    });
    const { wrappedKey, stage } = chunk;
    try {
      await draft.intend({ index, keyId, length: plainLength, sealed: stage.length, wrappedKey, shards });
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
    const { chunk, code } = sending;
    const body = bodyOf(code, chunk, shard);
    using _inHand = await this.roomFor(code, chunk, shard, signal);
    for (let patient = false; ;) {
      try {
        if (await this.attempt(sending, { shard, body, patient }, signal)) return;
        patient = false;
      } catch (error) {
        signal.throwIfAborted();
        this.place.note((sending.places[shard] as Place).connection, error, sending.failed);
        patient = !(await this.elsewhere(sending, { shard, body, patient }));
      }
    }
  }

  /** True when the shard is durable; false when it goes to another place than the one that took too long. */
  private async attempt(sending: Sending, { shard, body, patient }: Attempt, signal: AbortSignal): Promise<boolean> {
    const place = sending.places[shard] as Place;
    const provider = await this.pool.provider(place.connection, place.replaceable && !patient ? 'short' : 'usual');
    const slow = new AbortController();
    const over = new AbortController();
    const began = this.clock.now();
    const better = sending.pace
      .tooLong(began, over.signal)
      .then(() => this.better(sending, shard, body.length, slow))
      .catch(() => null);
    try {
      const proof = await provider.put(place.name, body, { signal: AbortSignal.any([signal, slow.signal]) });
      sending.draft.noteLive({ id: place.blob, checksum: proof.checksum });
      place.space.done(true);
      sending.pace.arrived(this.clock.now() - began);
      return true;
    } catch (error) {
      over.abort();
      const found = await better;
      if (!found || signal.aborted) throw error;
      await this.move(sending, shard, found);
      return false;
    } finally {
      over.abort();
      void better.then((found) => (found === sending.places[shard] ? null : found?.space.done(false)));
    }
  }

  /** Another place for the last shard of a chunk, if there is one: then the slow one is given up. Once for a chunk. */
  private async better(sending: Sending, shard: number, length: number, slow: AbortController): Promise<Place | null> {
    const { connection } = sending.places[shard] as Place;
    if (sending.overtaken) return null;
    sending.overtaken = true;
    sending.failed.set(connection, 'away');
    const found = await this.find(sending, shard, length);
    this.log.warn(`Connection ${connection} takes much longer for a shard than others did; another one is given it.`);
    slow.abort(new ShardOvertaken());
    return found;
  }

  /** False where no other place is left, and the first one was not waited for yet. */
  private async elsewhere(sending: Sending, { shard, body, patient }: Attempt): Promise<boolean> {
    const place = sending.places[shard] as Place;
    const replanned = sending.planning.then(async () => {
      await this.move(sending, shard, await this.find(sending, shard, body.length));
    });
    sending.planning = replanned.catch(() => {});
    try {
      await replanned;
      return true;
    } catch (error) {
      if (patient || !place.replaceable || !(error instanceof StorageAway)) throw error;
      return false;
    }
  }

  private async find(sending: Sending, shard: number, length: number): Promise<Place> {
    const { draft, chunk, places, failed } = sending;
    const others = places.filter((place) => place.shard !== shard);
    const taken = new Set(others.map(({ domain }) => domain));
    const spool = draft.spread.parity > 0 && others.every(({ home }) => home === null);
    const found = await this.place.run({ ...requestFor(draft, chunk), shards: [shard], length, taken, failed, spool });
    return found[0] as Place;
  }

  private async move(sending: Sending, shard: number, place: Place): Promise<void> {
    const { draft, chunk, code, places } = sending;
    const blob = blobOf(place, code.shardLength(chunk.stage.length));
    const first = places[shard] as Place;
    const at = { chunk: chunk.entry.index, shard, first: first.blob };
    await draft.replan(at, blob, place.home).catch((lost: unknown) => {
      place.space.done(false);
      throw lost;
    });
    first.space.done(false);
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
