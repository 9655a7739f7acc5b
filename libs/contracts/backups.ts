import { z } from 'zod';
import { Id, Moment } from './common.js';

export const Hold = z.union([
  z.object({ stands: z.literal(false) }),
  z.object({
    stands: z.literal(true),
    id: Id,
    why: z
      .enum(['restored', 'ahead', 'asked'])
      .describe('A backup was restored; a connection has seen newer files than this database; an admin wanted it.'),
    since: Moment,
    backupMadeAt: Moment.nullable().describe('What was stored after this moment is not known here.'),
    endsAt: Moment.nullable().describe('Set once it was lifted: when blobs are deleted again.'),
    connections: z.array(
      z.object({
        id: Id,
        provider: z.string(),
        house: z.boolean(),
        blobsAhead: z
          .int()
          .nonnegative()
          .nullable()
          .describe(
            'At most so many blobs lie on all connections that this database does not know, as this one’s marker tells; null where it tells nothing new, or was not reached.',
          ),
      }),
    ),
  }),
]);
export type Hold = z.infer<typeof Hold>;

export const Backup = z.object({
  id: Id,
  file: z.string().describe('Its path on the machine that made it.'),
  madeAt: Moment.describe('The moment that it shows.'),
  bytes: z.int().positive(),
  rows: z.int().nonnegative(),
  provedAt: Moment.describe('When it was read back whole.'),
  expiredAt: Moment.nullable().describe('When it was deleted.'),
});
export type Backup = z.infer<typeof Backup>;

export const BackupList = z.object({
  items: z.array(Backup),
  nightlyAt: z.int().nullable().describe('The hour, in UTC; null where none are made by themselves.'),
  keptDays: z.int().positive(),
});
export type BackupList = z.infer<typeof BackupList>;
