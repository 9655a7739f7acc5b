import { z } from 'zod';
import { Id, Moment, nextCursor, PageQuery, Sha256 } from './common.js';

export const AuditRow = z.object({
  seq: z.int().positive(),
  at: Moment,
  actor: Id.nullable().describe('Who acted; null for somebody who was not signed in, or the gateway itself.'),
  account: Id.nullable().describe('Whose account it touched.'),
  action: z.string(),
  subject: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
  hash: Sha256,
});
export type AuditRow = z.infer<typeof AuditRow>;

export const AuditPage = z.object({ items: z.array(AuditRow), nextCursor });
export type AuditPage = z.infer<typeof AuditPage>;

export const AuditQuery = PageQuery.extend({
  action: z.string().max(100).optional().describe('One action, or all that begin with it and a dot.'),
  actor: Id.optional(),
  account: Id.optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  order: z.enum(['newest', 'oldest']).default('newest'),
});
export type AuditQuery = z.infer<typeof AuditQuery>;

export const AuditVerdict = z.object({
  ok: z.boolean(),
  rows: z.int().nonnegative().describe('How many rows were checked.'),
  head: z
    .object({ seq: z.int().nonnegative(), hash: Sha256 })
    .describe('Worth writing down elsewhere: who rewrites the whole chain cannot reach it there.'),
  brokenAt: z.object({ seq: z.int(), reason: z.string() }).optional(),
});
export type AuditVerdict = z.infer<typeof AuditVerdict>;
