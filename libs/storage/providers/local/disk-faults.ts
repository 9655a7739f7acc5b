import { AccessRefused, ConnectionAway, ConnectionFull, StorageFault } from '../../errors.js';

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** What the file system said, as a fault. What is no word of the file system (a bug, an abort) stays as it is. */
export function asFault(error: unknown): unknown {
  const code = codeOf(error);
  if (error instanceof StorageFault || code === undefined || (error as NodeJS.ErrnoException).syscall === undefined) {
    return error;
  }
  const options = { cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ConnectionFull(options);
    case 'EROFS':
      return new AccessRefused('The disk of this vault is read-only.', options);
    case 'EACCES':
    case 'EPERM':
      return new AccessRefused('The gateway may not use the folder of this vault.', options);
    case 'EMFILE':
    case 'ENFILE':
      return new ConnectionAway('The gateway has too many files open at the moment.', options);
    default:
      return new ConnectionAway('The disk of this vault cannot be reached at the moment.', options);
  }
}

export async function withFaults<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asFault(error);
  }
}

/** The answer of `work`, or `instead` where it failed with one of the codes. */
export async function unless<Result, Instead>(
  codes: readonly string[],
  work: Promise<Result>,
  instead: Instead,
): Promise<Result | Instead> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return instead;
    throw error;
  }
}
