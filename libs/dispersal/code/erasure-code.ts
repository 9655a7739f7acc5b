import { parityMatrix, recoveryMatrix, type Matrix } from './matrix.js';
import { combine } from './vector-kernel.js';

const MOST_DATA = 16;
const MOST_PARITY = 8;

/** So many data shards, and so many parity shards that stand in for any of them. */
export interface ShardCounts {
  readonly data: number;
  readonly parity: number;
}

/**
 * A systematic Reed-Solomon code over GF(2^8): data shards are the data itself, and any `data` of all
 * `data + parity` shards bring back the rest. Column by column: byte i of each shard depends on byte i
 * of the others alone. Works at once and on what it is given; see shard-pieces.ts for much.
 */
export class ErasureCode implements ShardCounts {
  private static readonly known = new Map<string, ErasureCode>();

  /** The code for so many shards, made once. Throws RangeError beyond 16 data and 8 parity shards. */
  static of({ data, parity }: ShardCounts): ErasureCode {
    const name = `${data}+${parity}`;
    let code = ErasureCode.known.get(name);
    if (!code) {
      code = new ErasureCode(data, parity);
      ErasureCode.known.set(name, code);
    }
    return code;
  }

  private readonly matrix: Matrix;

  private constructor(
    readonly data: number,
    readonly parity: number,
  ) {
    const possible = [data, parity].every(Number.isInteger) && data >= 1 && parity >= 0;
    if (!possible || data > MOST_DATA || parity > MOST_PARITY)
      throw new RangeError(`no code has ${data}+${parity} shards`);
    this.matrix = parityMatrix(data, parity);
  }

  /** How many shards there are. */
  get shards(): number {
    return this.data + this.parity;
  }

  /** How long each shard of so many bytes is: what is missing at the end of the last ones are zeros. */
  shardLength(bytes: number): number {
    return Math.ceil(bytes / this.data);
  }

  /**
   * All parity shards (or the wanted ones) of the same columns of all data shards, all of one length.
   * They are new buffers, or lie in the ones given as `into`, of that length. Mirrors are the very
   * buffers that were given.
   */
  parityOf(data: readonly Buffer[], { wanted, into }: { wanted?: readonly number[]; into?: Buffer[] } = {}): Buffer[] {
    if (data.length !== this.data) throw new RangeError(`${data.length} of ${this.data} data shards`);
    const rows = wanted?.map((shard) => this.matrix[shard - this.data] as Uint8Array);
    return combined(rows ?? this.matrix, data, into);
  }

  /**
   * What brings back `wanted` shards from `present` ones, of which any `data` are enough and the first
   * ones are used. Throws RangeError when there are too few.
   */
  recovery(present: readonly number[], wanted: readonly number[]): Recovery {
    const from = [...new Set(present)].slice(0, this.data);
    if (from.length < this.data) throw new RangeError(`${from.length} shards of ${this.data} that are needed`);
    if ([...from, ...wanted].some((shard) => !(shard >= 0 && shard < this.shards)))
      throw new RangeError('no such shard');
    return new Recovery(from, recoveryMatrix({ data: this.data, parity: this.matrix }, from, wanted));
  }
}

/** Brings back shards, as often as there are columns to bring back. */
export class Recovery {
  constructor(
    /** The shards that it takes, in the order in which `run` takes them. */
    readonly from: readonly number[],
    private readonly matrix: Matrix,
  ) {}

  /** The same columns of each wanted shard, from those of each shard in `from`, all of one length. */
  run(inputs: readonly Buffer[]): Buffer[] {
    if (inputs.length !== this.from.length) throw new RangeError(`${inputs.length} of ${this.from.length} shards`);
    return combined(this.matrix, inputs);
  }
}

function combined(matrix: Matrix, inputs: readonly Buffer[], into?: Buffer[]): Buffer[] {
  const [first] = inputs as [Buffer];
  if (inputs.some(({ length }) => length !== first.length)) throw new RangeError('shards of unequal length');
  // Of a single shard, every other one is a copy.
  if (inputs.length === 1) return matrix.map(() => first);
  if (matrix.length === 0) return [];
  const outputs = into ?? matrix.map(() => Buffer.allocUnsafeSlow(first.length));
  combine(matrix, inputs, outputs);
  return outputs;
}
