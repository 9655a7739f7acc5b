import { Injectable } from '@nestjs/common';
import type { Draft } from '../contents/index.js';
import { ByteBudgets } from './byte-budgets.js';
import { nativeHash, type PlainHash } from './plain-hash.js';
import { ChunkCutter, type SealedChunk } from './seal-chunks.js';
import { SendChunk, type Sending } from './send-chunk.js';

export interface Body {
  /** Asked once everything that can be refused beforehand was not; from then on the client sends. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Buffer>;
  /** Aborts when the client is gone, also while nobody reads. */
  readonly gone: AbortSignal;
}

export interface SendingPlan {
  readonly chunkLength: number;
  /** Undefined when the client did not say. */
  readonly total: number | undefined;
  readonly beforeIntent: (lengthSoFar: number) => Promise<void>;
  readonly afterIntent: (chunk: SealedChunk) => Promise<void>;
  /** Called for one chunk after the other, each when it and all before it are durable. */
  readonly afterSent?: (chunk: SealedChunk) => Promise<void>;
  readonly from?: { readonly index: number; readonly offset: number };
  readonly hash?: PlainHash;
}

export interface SentBody {
  readonly length: number;
  readonly chunks: number;
  readonly sha256: Buffer;
}

/** One chunk is filled while so many are on their way to their connections. */
const SENDING_AT_ONCE = 2;

/**
 * Seals and sends all chunks of a body, filling one while others are under way. The first thing that
 * fails stops all: the body is not read on, what is under way is aborted and waited for, so that
 * nothing writes any more when the draft is given up.
 */
@Injectable()
export class ChunkSender {
  constructor(
    private readonly budgets: ByteBudgets,
    private readonly chunk: SendChunk,
  ) {}

  async sendAll(draft: Draft, body: Body, plan: SendingPlan): Promise<SentBody> {
    const failure = new AbortController();
    const { signal } = failure;
    const leave = (): void => failure.abort(body.gone.reason);
    if (body.gone.aborted) leave();
    body.gone.addEventListener('abort', leave, { once: true });
    const identity = { account: draft.account, content: draft.id, keys: draft.key.keys };
    const { uploads: room, frames } = this.budgets;
    const hash = plan.hash ?? nativeHash();
    const copies = draft.spread.data === 1;
    const cutter = new ChunkCutter({ ...identity, ...plan, hash, room, frames, copies, signal });
    const underWay = new Set<Promise<void>>();
    let chunks = plan.from?.index ?? 0;
    let before: Promise<void> = Promise.resolve();
    try {
      for await (const chunk of cutter.chunks(body.open(signal))) {
        const send = await this.intend(draft, chunk, { ...plan, lengthSoFar: cutter.length, signal });
        const earlier = before;
        const sent: Promise<void> = send(signal)
          .then(() => earlier)
          .then(() => (signal.aborted ? undefined : plan.afterSent?.(chunk)))
          .catch((error: unknown) => failure.abort(error))
          .finally(() => underWay.delete(sent));
        underWay.add(sent);
        before = sent;
        chunks += 1;
        if (underWay.size >= SENDING_AT_ONCE) await Promise.race(underWay);
        signal.throwIfAborted();
      }
      await Promise.all(underWay);
      signal.throwIfAborted();
    } catch (error) {
      failure.abort(error);
      throw signal.reason;
    } finally {
      await Promise.all(underWay);
      body.gone.removeEventListener('abort', leave);
    }
    return { length: cutter.length, chunks, sha256: cutter.sha256() };
  }

  /** Resolves when the intent is committed, with what remains to be done. */
  private async intend(
    draft: Draft,
    chunk: SealedChunk,
    plan: SendingPlan & { lengthSoFar: number; signal: AbortSignal },
  ): Promise<(signal: AbortSignal) => Promise<void>> {
    try {
      await plan.beforeIntent(plan.lengthSoFar);
      const sending = await this.chunk.intend(draft, chunk, plan.signal);
      await plan.afterIntent(chunk).catch((error: unknown) => {
        this.chunk.giveUp(sending);
        throw error;
      });
      return (signal) => this.send(sending, signal);
    } catch (error) {
      await chunk.stage.release();
      throw error;
    }
  }

  private async send(sending: Sending, signal: AbortSignal): Promise<void> {
    try {
      await this.chunk.send(sending, signal);
    } finally {
      this.chunk.giveUp(sending);
      await sending.chunk.stage.release();
    }
  }
}
