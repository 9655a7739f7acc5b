import { ConnectionLimits } from '#contracts';

/** A row of another release may say more than we know: what cannot be read limits nothing. */
export function readLimits(limits: Readonly<Record<string, unknown>>): ConnectionLimits {
  return ConnectionLimits.safeParse(limits).data ?? {};
}
