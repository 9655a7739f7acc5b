import type { Provider, Type } from '@nestjs/common';
import { CountWeakChunks } from './durability/index.js';
import { HomesModule } from './homes/index.js';
import { MovingModule } from './moving/index.js';
import { ScrubModule } from './scrub/index.js';
import { SpreadingModule } from './spreading/index.js';
import { Sweep } from './sweep.js';
import { UpkeepOfShards } from './upkeep-of-shards.js';
import { WorkerRounds } from './worker-rounds.js';

/** Rooms within this one that ask for no key: whatever they provide, a worker has too. */
const KEYLESS = [MovingModule, HomesModule, ScrubModule, SpreadingModule];

const providersOf = (module: Type): Provider[] =>
  (Reflect.getMetadata('providers', module) as Provider[] | undefined) ?? [];

/** What of upkeep a process without the root key does. */
export const keylessUpkeep: readonly Provider[] = [
  ...KEYLESS.flatMap(providersOf),
  CountWeakChunks,
  Sweep,
  UpkeepOfShards,
  WorkerRounds,
];
