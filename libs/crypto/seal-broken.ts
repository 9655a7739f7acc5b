import { Fault } from '#contracts';

/**
 * The one error of every cryptographic failure: a wrong key, a wrong context, a cut or changed
 * byte, an unknown suite all look the same from outside, so that nobody learns which check failed.
 */
export class SealBroken extends Fault {
  constructor() {
    super('This data is damaged, or it does not belong here. It was not opened.');
  }
}

/** Runs work that fails with a RangeError on values no sealer would ever have encoded; to a reader that is a broken seal. */
export function encodedOrBroken<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new SealBroken();
    throw error;
  }
}
