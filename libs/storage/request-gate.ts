/**
 * What stands before every request that a provider sends over the network: how many at once, how fast, and whether the
 * connection is to be left alone for now. Each connection has one, shared by all gateways that use it.
 *
 * A request is one exchange (a session's start, a fragment, a status query), not a call of StorageProvider: what the
 * vendor counts is what is paced. A provider holds one pass at a time within one call, so that calls cannot wait for
 * each other in a ring.
 */
export interface RequestGate {
  /**
   * Returns when the request may go out. Throws Throttled or ConnectionAway, at once, when it may not for longer than
   * is worth waiting: the caller has other connections.
   */
  enter(request: GatedRequest, signal?: AbortSignal): Promise<Pass>;
}

export interface GatedRequest {
  readonly kind: 'look' | 'change' | 'upload' | 'download';
  /** The body's length, for uploads and downloads. */
  readonly bytes?: number;
  /** What it costs in the vendor's own units, where it counts in such; 1 otherwise. */
  readonly units?: number;
}

export interface Pass {
  /**
   * Called exactly once: for a download when the answer's head is there (a slow reader holds no place), otherwise when
   * the answer is read. `refused` is any answer that says nothing about the connection's health (404, 409, 412, 416).
   */
  end(outcome: RequestOutcome): void;
}

export type RequestOutcome =
  | { readonly kind: 'answered' | 'refused' }
  /** No answer, or a 5xx: counts towards leaving the connection alone. */
  | { readonly kind: 'failed' }
  /** Told to slow down; `afterMs` is null where it was not said for how long. No request goes out before that. */
  | { readonly kind: 'throttled'; readonly afterMs: number | null };

/** Lets everything pass: for tests, and for connections that are tried before they are kept. */
export const openGate: RequestGate = {
  enter: async (_request, signal) => {
    signal?.throwIfAborted();
    return { end: () => {} };
  },
};
