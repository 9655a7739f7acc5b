import { JobKindUnfit } from './faults.js';
import type { JobRun } from './job-run.js';

/**
 * A kind of work that outlives requests and gateways. Its handler may be called any number of times for one job, also by
 * two gateways at once for a moment (one of them was taken for dead): it begins by looking what is left to do, and every
 * step of it may be repeated.
 */
export interface JobKind {
  /** Words with hyphens between them. */
  readonly name: string;
  /** After how many failures in a row of nothing but failures it is given up; null is never. */
  readonly attempts: number | null;
  /** Whether its owner may call it off. */
  readonly cancellable: boolean;
  /** The longest pause between two attempts; the first ones come after seconds. Default: 10 minutes. */
  readonly longestPauseSeconds?: number;
  /** Needs no key: where workers are, they do it, and gateways do not. */
  readonly keyless?: boolean;
  run(job: JobRun): Promise<void>;
}

/** The kinds that the rooms below have registered, in `onModuleInit`. */
export class JobKinds {
  readonly #kinds = new Map<string, JobKind>();

  /** A gateway with workers does what they cannot, and they do the rest. */
  constructor(private readonly does: 'all' | 'keyed' | 'keyless' = 'all') {}

  register(kind: JobKind): void {
    if (this.#kinds.has(kind.name)) throw new JobKindUnfit(`There is a kind of job «${kind.name}» already.`);
    this.#kinds.set(kind.name, kind);
  }

  get(name: string): JobKind {
    const kind = this.#kinds.get(name);
    if (kind === undefined) throw new JobKindUnfit(`Nobody has said what to do for a job of the kind «${name}».`);
    return kind;
  }

  /** What this process fetches from the queue. */
  get here(): string[] {
    const done = ({ keyless = false }: JobKind): boolean =>
      this.does === 'all' || keyless === (this.does === 'keyless');
    return [...this.#kinds.values()].filter(done).map(({ name }) => name);
  }

  get names(): string[] {
    return [...this.#kinds.keys()];
  }
}
