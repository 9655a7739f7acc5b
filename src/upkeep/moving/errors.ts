import { Fault } from '#contracts';

/** Somebody else has taken the move away, or may have by now. Nothing of it counts any more. */
export class MoveLost extends Fault {
  override readonly retriable = true;

  constructor() {
    super('The shard is moved by somebody else.');
  }
}

/** Fewer shards of a chunk can be read, and are what was stored, than bring back one of them. */
export class SourcesMissing extends Fault {
  override readonly retriable = true;

  constructor(there: number, needed: number) {
    super(`${there} of the ${needed} shards can be read from which a lost one is made.`);
  }
}

/** What was made of good shards is not what the row says it should be: the row, or one of the digests, was changed. */
export class ShardUnlike extends Fault {
  constructor() {
    super('What was made of good shards is not the shard that is missing.');
  }
}
