import type { GatedRequest, Pass } from '../request-gate.js';

type Kind = GatedRequest['kind'];

export interface Waiting {
  readonly request: GatedRequest;
  /** When patience ends. */
  readonly deadline: number;
  admit(pass: Pass): void;
  refuse(error: Error): void;
}

const kinds: readonly Kind[] = ['look', 'download', 'change', 'upload'];

/** One line for each kind of request; they take turns. */
export class WaitingLines {
  private readonly lines = new Map<Kind, Set<Waiting>>(kinds.map((kind) => [kind, new Set()]));
  /** When it is worth asking again for each kind. */
  private readonly delayed = new Map<Kind, number>();
  /** The kind that was served last stands last here. */
  private order = [...kinds];
  private count = 0;

  get length(): number {
    return this.count;
  }

  lengthOf(kind: Kind): number {
    return this.lines.get(kind)!.size;
  }

  delayOf(kind: Kind, now: number): number {
    return Math.max(0, (this.delayed.get(kind) ?? now) - now);
  }

  delay(kind: Kind, until: number): void {
    this.delayed.set(kind, until);
  }

  forgetDelays(): void {
    this.delayed.clear();
  }

  join(request: GatedRequest, deadline: number, signal?: AbortSignal): Promise<Pass> {
    const { promise, resolve, reject } = Promise.withResolvers<Pass>();
    const leave = (): void => waiting.refuse(signal?.reason as Error);
    const line = this.lines.get(request.kind)!;
    const out = (): boolean => {
      signal?.removeEventListener('abort', leave);
      if (!line.delete(waiting)) return false;
      this.count -= 1;
      return true;
    };
    const waiting: Waiting = {
      request,
      deadline,
      admit: (pass) => {
        out();
        resolve(pass);
      },
      refuse: (error) => {
        if (out()) reject(error);
      },
    };
    line.add(waiting);
    this.count += 1;
    signal?.addEventListener('abort', leave, { once: true });
    return promise;
  }

  /** Whose turn it is, of those for whom asking is worth it. */
  next(now: number): Waiting | null {
    for (const kind of this.order) {
      if (this.delayOf(kind, now) > 0) continue;
      const [first] = this.lines.get(kind)!;
      if (first) return first;
    }
    return null;
  }

  /** The first of a line, who gets the turn that was taken for it. */
  shift(kind: Kind): Waiting | null {
    const [first] = this.lines.get(kind)!;
    this.order = [...this.order.filter((other) => other !== kind), kind];
    return first ?? null;
  }

  refuse(which: (waiting: Waiting) => boolean, error: Error): void {
    for (const line of this.lines.values()) for (const waiting of [...line]) if (which(waiting)) waiting.refuse(error);
  }

  /** Those whose patience is over, or will be before it is worth asking. */
  refuseLate(now: number, errorFor: (ms: number) => Error): void {
    for (const [kind, line] of this.lines) {
      const delay = this.delayOf(kind, now);
      for (const waiting of [...line]) {
        if (waiting.deadline > now + delay) break;
        waiting.refuse(errorFor(Math.max(delay, 1000)));
      }
    }
  }

  /** When something has to be done for those who wait, if nothing happens before. */
  nextAt(now: number): number {
    const times = [...this.lines].flatMap(([kind, line]) => {
      const [first] = line;
      const delayed = this.delayed.get(kind) ?? 0;
      return first ? [delayed > now ? Math.min(delayed, first.deadline) : first.deadline] : [];
    });
    return Math.min(Infinity, ...times);
  }
}
