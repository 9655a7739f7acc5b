import { z } from 'zod';

export const Id = z.uuid().describe('A UUID, made in order of time.');
export const Moment = z.iso.datetime().describe('RFC 3339, in UTC.');
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 in lower-case hex.');
export const ByteCount = z.int().nonnegative();

/** What a page of anything is asked for by. A cursor is opaque: it comes from the page before. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(2048).optional(),
});
export type PageQuery = z.infer<typeof PageQuery>;

export const IdParams = z.object({ id: Id });
export type IdParams = z.infer<typeof IdParams>;

export const nextCursor = z.string().optional().describe('Asks for the next page; absent on the last one.');
