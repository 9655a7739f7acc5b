import { Fault } from '#contracts';

/** The database cannot be reached, or was lost before COMMIT was sent: nothing of the transaction was applied. */
export class DatabaseAway extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('The database is away for the moment.', options);
  }
}

/** No connection became free in time, or too many wait already. */
export class DatabaseBusy extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('The database is busy.', options);
  }
}

export class DatabaseFull extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('The disk of the database is full.', options);
  }
}

/** Transactions kept colliding until the retries were used up. Nothing was applied. */
export class TransactionConflict extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('Too many changes at once; nothing was changed.', options);
  }
}

/** COMMIT was sent and its answer lost: the transaction was applied whole or not at all, and only a look can tell. */
export class CommitUnknown extends Fault {
  constructor(options?: ErrorOptions) {
    super('The database went away while it confirmed the change: it may have been made, or not.', options);
  }
}

/** The work caught an error of its own statements and went on: Postgres turned the COMMIT into a ROLLBACK. Nothing was applied. */
export class TransactionAborted extends Fault {
  constructor() {
    super('The change was undone because a part of it failed.');
  }
}

/** A row holds what nothing of ours ever wrote there: somebody changed it, or it is damaged. */
export class RowUnreadable extends Fault {
  constructor(readonly what: string) {
    super('What the database holds of this cannot be read; it was damaged or changed.');
  }
}

/** Stops the start. The message is the one line that the operator reads. */
export class DatabaseUnusable extends Fault {}

type WithCode = { readonly code?: unknown };

export function codeOf(error: unknown): string | undefined {
  const code = (error as WithCode | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/**
 * Whether Postgres refused a statement because of this constraint (any constraint, when none is named). That of a partitioned
 * table has each partition's name in it.
 */
export function violates(error: unknown, constraint?: string | RegExp): boolean {
  if (!codeOf(error)?.startsWith('23')) return false;
  const { constraint: found = '' } = error as { constraint?: string };
  if (constraint instanceof RegExp) return constraint.test(found);
  return constraint === undefined || constraint === found;
}

export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40001' || code === '40P01';
}

const GONE_MESSAGES = [
  'Connection terminated',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'timeout expired',
];

const SERVER_ENDED = /^(08|57P|25P03)/;
const SOCKET_FAILED = /^(ECONN\w+|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;

/** Whether the connection itself is gone, so that no statement's fate can be read from it any more. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error && GONE_MESSAGES.some((text) => error.message.startsWith(text));
  return SERVER_ENDED.test(code) || SOCKET_FAILED.test(code);
}

/** What went wrong outside COMMIT, as a fault where it is one of the database's own; anything else unchanged. */
export function asFault(error: unknown): unknown {
  if (error instanceof Fault) return error;
  if (isConflict(error)) return new TransactionConflict({ cause: error });
  if (codeOf(error) === '53300') return new DatabaseBusy({ cause: error });
  if (codeOf(error) === '53100') return new DatabaseFull({ cause: error });
  if (isPostgresOrSocketError(error) && isConnectionLoss(error)) return new DatabaseAway({ cause: error });
  return error;
}

/** Errors of the work's own (a file's ENOENT, say) also carry codes; only those that the connection raised count. */
function isPostgresOrSocketError(error: unknown): boolean {
  return error instanceof Error && (connectionErrors.has(error) || SERVER_ENDED.test(codeOf(error) ?? ''));
}

const connectionErrors = new WeakSet<Error>();

/** Remembers that this error came out of a connection. */
export function raisedByConnection(error: unknown): unknown {
  if (error instanceof Error) connectionErrors.add(error);
  return error;
}
