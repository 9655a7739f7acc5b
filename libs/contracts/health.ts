import { z } from 'zod';

export const Alive = z.object({ status: z.literal('alive') });
export type Alive = z.infer<typeof Alive>;

export const Ready = z.object({ status: z.literal('ready'), checks: z.record(z.string(), z.literal('ok')) });
export type Ready = z.infer<typeof Ready>;
