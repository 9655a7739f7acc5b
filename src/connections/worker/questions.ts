import { z } from 'zod';

/** All that a worker can ask a gateway. There is no fifth. */
export const Question = z.discriminatedUnion('ask', [
  z.strictObject({ n: z.int().nonnegative(), ask: z.literal('open'), connection: z.uuid() }),
  z.strictObject({
    n: z.int().nonnegative(),
    ask: z.literal('marker'),
    connection: z.uuid(),
    sealed: z.base64().max(4096).nullable(),
  }),
  z.strictObject({ n: z.int().nonnegative(), ask: z.literal('begin'), connection: z.uuid() }),
  z.strictObject({
    n: z.int().nonnegative(),
    ask: z.literal('renew'),
    connection: z.uuid(),
    refused: z.string().max(16_384).nullable(),
  }),
]);
export type Question = z.infer<typeof Question>;

/** The first line, and again when the lease has changed: which of the database's gateways is asking. */
export const Hello = z.strictObject({ lease: z.uuid() });

/** As `Found` has it. */
const Whose = z.enum(['ours', 'newer', 'other', 'nobody']);

export const Answer = z.union([
  z.strictObject({ n: z.int(), settings: z.record(z.string(), z.string()) }),
  z.strictObject({ n: z.int(), whose: Whose }),
  z.strictObject({ n: z.int(), begun: z.boolean() }),
  z.strictObject({ n: z.int(), token: z.string() }),
  z.strictObject({
    n: z.int(),
    fault: z.enum(['unknown', 'away', 'refused', 'consent']),
    message: z.string(),
  }),
]);
export type Answer = z.infer<typeof Answer>;

/** Far more than any question or answer needs. */
export const LONGEST_LINE = 64 * 1024;
