import { z } from 'zod';
import { Id, Moment } from './common.js';

export const Job = z.object({
  id: Id,
  kind: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  progress: z.object({ done: z.number().nonnegative(), total: z.number().nonnegative().nullable() }),
  error: z.string().nullable(),
  createdAt: Moment,
  endedAt: Moment.nullable(),
});
export type Job = z.infer<typeof Job>;

export const JobAccepted = z.object({ job: Job });
export type JobAccepted = z.infer<typeof JobAccepted>;
