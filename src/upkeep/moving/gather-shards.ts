import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ByteBudget, SealedStage, type StageRoom } from '#chunks';
import { ErasureCode, recoverPieces, ShardDigest } from '#dispersal';
import { type BlobBody, type BlobName, BlobMissing, BlobTruncated } from '#storage';
import { Config } from '../../config/index.js';
import { ConnectionHealth, ConnectionPool, isOfConnection } from '../../connections/index.js';
import { type BlobFault, Losses } from '../../contents/index.js';
import { Database } from '../../database/index.js';
import { ShardUnlike, SourcesMissing } from './errors.js';
import type { LyingShard, ShardId } from './moves.store.js';

/** What all moves together hold in memory, of the gateway's byte budget; beyond it shards wait on disk. */
const SHARE = 1 / 9;
const PIECE = 256 * 1024;
const TURNS = 4 * PIECE;

export interface Gathering {
  readonly id: ShardId;
  readonly shards: readonly LyingShard[];
  /** Sources in the order in which they are asked. */
  readonly sources: readonly LyingShard[];
  readonly signal: AbortSignal;
  /** Told of each piece that was read. */
  readonly flows: (bytes: number) => void;
}

/** Enough shards of a chunk, whole and compared with their digests, from which the wanted one is made. */
export interface Gathered {
  body(flows: (bytes: number) => void): BlobBody;
  /** Whether what came out was not the shard: then no put of it has ended, whatever it failed with. */
  readonly unlike: boolean;
  release(): Promise<void>;
}

/**
 * Fetches shards for one that is to lie elsewhere: the shard itself, or as many others as bring it back. Each is fetched
 * whole into a stage and compared with its digest before a byte of it goes anywhere else; one that differs, or is not
 * there, is noted as faulty, and another one is asked. Holds no more in memory than the stages' share of the budget.
 */
@Injectable()
export class GatherShards implements OnModuleInit {
  private readonly log = new Logger('upkeep');
  private readonly memory: ByteBudget;
  private readonly folder: string;
  private readonly turns = new ByteBudget(TURNS);

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
    private readonly losses: Losses,
    @Inject(Config) config: Config,
  ) {
    this.memory = new ByteBudget(Math.floor(config.byteBudget * SHARE));
    this.folder = join(config.dataFolder, 'staging');
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Throws SourcesMissing, and what is not a connection's doing. */
  async run(gathering: Gathering): Promise<Gathered> {
    const { id, shards, sources } = gathering;
    const wanted = shards.find(({ shard }) => shard === id.shard) as LyingShard;
    const code = ErasureCode.of(wanted);
    const [first] = sources;
    // The shard itself is all that is needed; where it fails, the others are.
    if (first?.shard === id.shard) {
      const copied = await this.gather(gathering, [first], 1).catch(asMissing);
      if (copied) return gathered(code, wanted, copied);
    }
    const others = sources.filter(({ shard }) => shard !== id.shard);
    return gathered(code, wanted, await this.gather(gathering, others, code.data));
  }

  private async gather(gathering: Gathering, sources: readonly LyingShard[], needed: number): Promise<Stages> {
    const bytes = needed * (sources[0]?.length ?? 0);
    const inMemory = this.memory.tryTake(bytes);
    const room = { budget: new ByteBudget(inMemory ? bytes : 0), turns: this.turns, folder: this.folder };
    const found = new Map<number, SealedStage>();
    const release = async (): Promise<void> => {
      try {
        await Promise.all([...found.values()].map((stage) => stage.release()));
      } finally {
        inMemory?.release();
      }
    };
    const waiting = sources.values();
    const lane = async (): Promise<void> => {
      for (const source of waiting) {
        const stage = await this.fetch(gathering, source, room);
        if (stage) return void found.set(source.shard, stage);
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: needed }, lane));
    const failed = lanes.find((one) => one.status === 'rejected');
    if (!failed && found.size === needed) return { found, release };
    await release();
    throw failed ? failed.reason : new SourcesMissing(found.size, needed);
  }

  /** Null when the connection did not give what was put there. */
  private async fetch(gathering: Gathering, source: LyingShard, room: StageRoom): Promise<SealedStage | null> {
    const { signal, flows, id } = gathering;
    const stage = await SealedStage.open(room, source.length, signal);
    try {
      const provider = await this.pool.provider(source.connection, 'short');
      const digest = new ShardDigest();
      const range = { offset: source.offset, length: source.length };
      for await (const piece of provider.get(source.name as BlobName, range, { pieceLength: PIECE, signal })) {
        flows(piece.length);
        digest.update(piece);
        using _turn = await stage.turn(piece.length, signal);
        await stage.append([piece]);
      }
      await stage.complete();
      if (digest.digest().equals(source.digest)) return stage;
      await this.blame(id, source, new ShardUnlike());
    } catch (error) {
      await stage.release();
      signal.throwIfAborted();
      if (!isOfConnection(error)) throw error;
      await this.blame(id, source, error);
      return null;
    }
    await stage.release();
    return null;
  }

  private async blame({ account }: ShardId, { connection, blob }: LyingShard, error: Error): Promise<void> {
    this.log.warn(`Connection ${connection} did not give back what it was given: ${error.name}`);
    if (isOfConnection(error)) this.health.failed(connection, error);
    const fault = faultOf(error);
    if (fault !== null) await this.database.tx((sql) => this.losses.note(sql, [{ account, blob }], fault, 'repair'));
  }
}

interface Stages {
  readonly found: ReadonlyMap<number, SealedStage>;
  readonly release: () => Promise<void>;
}

function gathered(code: ErasureCode, wanted: LyingShard, { found, release }: Stages): Gathered {
  const made = (): Iterable<Buffer> | AsyncIterable<Buffer> => {
    const itself = found.get(wanted.shard);
    return itself ? itself.pieces() : decoded(code, wanted.shard, found);
  };
  const all = {
    unlike: false,
    release,
    body: (flows: (bytes: number) => void): BlobBody => ({
      length: wanted.length,
      pieces: () =>
        proved(made(), wanted.digest, flows, () => {
          all.unlike = true;
        }),
    }),
  };
  return all;
}

async function* decoded(
  code: ErasureCode,
  shard: number,
  stages: ReadonlyMap<number, SealedStage>,
): AsyncGenerator<Buffer> {
  const streams = new Map([...stages].map(([source, stage]) => [source, stage.pieces()]));
  for await (const [bytes] of recoverPieces(code, streams, [shard])) yield bytes as Buffer;
}

/** The last piece leaves when all of them together are the shard: until then no put can end. Throws ShardUnlike. */
async function* proved(
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  wanted: Buffer,
  flows: (bytes: number) => void,
  isUnlike: () => void,
): AsyncGenerator<Buffer> {
  const digest = new ShardDigest();
  let last: Buffer | null = null;
  for await (const piece of pieces) {
    digest.update(piece);
    if (last) {
      flows(last.length);
      yield last;
    }
    last = piece;
  }
  if (!digest.digest().equals(wanted)) {
    isUnlike();
    throw new ShardUnlike();
  }
  if (!last) return;
  flows(last.length);
  yield last;
}

function asMissing(error: unknown): null {
  if (error instanceof SourcesMissing) return null;
  throw error;
}

/** Null for what says nothing about the bytes: the place is away, or refuses. */
function faultOf(error: unknown): BlobFault | null {
  if (error instanceof BlobMissing) return 'missing';
  return error instanceof BlobTruncated || error instanceof ShardUnlike ? 'damaged' : null;
}
