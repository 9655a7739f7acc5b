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
  expiredAt: Moment.nullable().describe('When the file was deleted.'),
  copies: z
    .array(
      z.object({
        connection: Id,
        label: z.string(),
        state: z
          .enum(['begun', 'kept', 'leaving', 'deleted', 'left'])
          .describe(
            'On its way there; there, read back whole; to be deleted as soon as the place answers; deleted; left where it lay, because the connection was removed by force.',
          ),
        provedAt: Moment.nullable().describe('When it was read back whole.'),
        endedAt: Moment.nullable().describe('When it was deleted, or its connection removed.'),
      }),
    )
    .describe('Where else it lies, or lay.'),
});
export type Backup = z.infer<typeof Backup>;

export const BackupList = z.object({
  items: z.array(Backup),
  nightlyAt: z.int().nullable().describe('The hour, in UTC; null where none are made by themselves.'),
  keptDays: z.int().positive(),
  connections: z
    .array(
      z.object({
        id: Id,
        provider: z.string(),
        label: z.string(),
        newestMadeAt: Moment.nullable().describe('What the newest backup there shows; null where there is none yet.'),
        error: z.string().nullable().describe('What keeps the newest one from it, if anything does.'),
      }),
    )
    .describe('Connections that keep backups, too: `PATCH /api/cloud/connections/ID {"keepsBackups": true}`.'),
});
export type BackupList = z.infer<typeof BackupList>;
