import { z } from 'zod';
import { Id, Moment, nextCursor, PageQuery } from './common.js';

export const Job = z.object({
  id: Id,
  kind: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  progress: z.object({
    done: z.number().nonnegative(),
    total: z.number().nonnegative().nullable().describe('Null while nobody knows.'),
    note: z.string().nullable().describe('Where it stands, in words.'),
  }),
  error: z.string().nullable().describe('What the last attempt failed with; the job may go on all the same.'),
  createdAt: Moment,
  endedAt: Moment.nullable(),
});
export type Job = z.infer<typeof Job>;

export const JobAccepted = z.object({ job: Job });
export type JobAccepted = z.infer<typeof JobAccepted>;

export const JobPage = z.object({ items: z.array(Job), nextCursor });
export type JobPage = z.infer<typeof JobPage>;

export const JobQuery = PageQuery;
export type JobQuery = z.infer<typeof JobQuery>;
