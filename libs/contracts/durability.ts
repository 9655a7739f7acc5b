import { z } from 'zod';
import { Id, Moment } from './common.js';

const Survives = z.int().nonnegative().describe('How many places may be lost, whichever they are.');
const ChunkCount = z.int().nonnegative();

const Durability = z.object({
  survives: Survives,
  readable: z.boolean().describe('False when too few shards of some chunk are left to read it.'),
  words: z.string().describe('The same for people.'),
  weakened: ChunkCount.describe('Chunks with fewer shards than were meant: they wait for repair.'),
  unreadable: ChunkCount.describe('Chunks of which too few shards are left.'),
  away: z
    .object({
      places: z.int().positive(),
      survives: Survives.describe('At least so many further ones, while these are away.'),
      readable: z.boolean(),
      words: z.string(),
    })
    .nullable()
    .describe('Places that do not answer for now. They are not lost, and count as there above.'),
});

export const DurabilityOfEntry = Durability.extend({ type: z.enum(['file', 'folder']), path: z.string() });
export type DurabilityOfEntry = z.infer<typeof DurabilityOfEntry>;

export const DurabilityOfAccount = Durability.extend({
  atRisk: z
    .array(
      z.object({
        path: z.string(),
        inTrash: z.boolean(),
        survives: Survives,
        readable: z.boolean(),
        weakened: ChunkCount,
        since: Moment,
        words: z.string(),
      }),
    )
    .describe('Files, older versions of them included, in the order of danger; not more than a hundred.'),
  places: z
    .array(
      z.object({
        connection: Id,
        label: z.string(),
        trouble: z.enum(['away', 'given-up', 'draining']),
        since: Moment.nullable(),
        words: z.string(),
      }),
    )
    .describe('Connections in trouble that hold something of this account.'),
  doing: z.array(
    z.object({
      what: z.enum(['repair', 'drain', 'rebalance', 'homecoming', 're-spread']),
      running: ChunkCount.describe('Shards on their way now.'),
      waiting: ChunkCount.describe('Chunks, or shards, for which it is still to be done.'),
      words: z.string().describe('What is done, and what it waits for.'),
    }),
  ),
});
export type DurabilityOfAccount = z.infer<typeof DurabilityOfAccount>;
