import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';

export interface RefusalWords {
  readonly status: number;
  readonly code?: string;
  /** The more specific code inside. */
  readonly inner?: string;
  readonly message?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Instead of the usual envelope. */
  readonly body?: string;
}

export type Misdeed =
  /** An error of Microsoft's, before anything is done. */
  | ({ readonly kind: 'answers' } & RefusalWords)
  /** The connection breaks before anything is done. */
  | { readonly kind: 'resets' }
  /** The work is done, and the answer is lost. */
  | { readonly kind: 'resets-after' }
  /** The work is done, and the answer says that it was not. */
  | { readonly kind: 'fails-after'; readonly status: number; readonly headers?: OutgoingHttpHeaders }
  /** Uploads: says yes, and keeps nothing. */
  | { readonly kind: 'loses' }
  /** Uploads: says yes, and keeps another content of the same length. */
  | { readonly kind: 'spoils' }
  /** Fragments: so many bytes of it are kept, then the connection breaks. */
  | { readonly kind: 'keeps'; readonly bytes: number }
  /** Breaks off after so many bytes of the answer's body. */
  | { readonly kind: 'breaks'; readonly after: number }
  /** Never says anything. */
  | { readonly kind: 'falls-silent' };

export interface ScriptLine {
  /** Part of `METHOD address`, as in `double.requests`. */
  readonly about: string | RegExp;
  /** Which of these requests, counted from 1; without it every one. */
  readonly nth?: number;
  readonly does: Misdeed;
}

/** A share of all requests, each kind of trouble in its turn. */
export interface RandomTrouble {
  readonly share: number;
  readonly seed: string;
  /** Requests that it spares. */
  readonly except?: RegExp;
}

const retryLater = { 'Retry-After': '1' };

/** In turn, those that fit the request. */
const usual: readonly { readonly fits: RegExp; readonly does: Misdeed }[] = [
  { fits: /./, does: { kind: 'resets' } },
  { fits: /./, does: { kind: 'resets-after' } },
  { fits: /./, does: { kind: 'answers', status: 503, code: 'serviceNotAvailable', headers: retryLater } },
  { fits: /^PUT/, does: { kind: 'loses' } },
  { fits: /^PUT \S*\/up\//, does: { kind: 'keeps', bytes: 70_001 } },
  { fits: /^(PUT|POST|DELETE|PATCH)/, does: { kind: 'fails-after', status: 500 } },
  { fits: /^(PUT|POST)/, does: { kind: 'fails-after', status: 503, headers: retryLater } },
  { fits: /\/up\//, does: { kind: 'answers', status: 404, code: 'itemNotFound', inner: 'uploadSessionNotFound' } },
  { fits: /^GET \S*\/dl\//, does: { kind: 'breaks', after: 1000 } },
  { fits: /^GET \S*\/dl\//, does: { kind: 'answers', status: 401, code: 'unauthenticated' } },
  { fits: /./, does: { kind: 'answers', status: 429, code: 'activityLimitReached', headers: retryLater } },
  { fits: /./, does: { kind: 'answers', status: 504, code: 'generalException' } },
  { fits: /\/v1\.0\//, does: { kind: 'answers', status: 401, code: 'InvalidAuthenticationToken' } },
  { fits: /\/v1\.0\//, does: { kind: 'answers', status: 509, code: 'bandwidthLimitExceeded', headers: retryLater } },
];

export class Troubles {
  /** How often each kind came at random. */
  readonly happened = new Map<string, number>();
  private lines: { readonly line: ScriptLine; seen: number }[] = [];
  private random: RandomTrouble | null = null;
  private turn = [...usual];
  private asked = 0;

  /** Replaces the script, and counts anew. */
  script(...lines: readonly ScriptLine[]): void {
    this.lines = lines.map((line) => ({ line, seen: 0 }));
  }

  atRandom(trouble: RandomTrouble | null): void {
    this.random = trouble;
    this.asked = 0;
  }

  befalls(request: string): Misdeed | null {
    const fitting = this.lines.filter(({ line: { about } }) =>
      typeof about === 'string' ? request.includes(about) : about.test(request),
    );
    for (const entry of fitting) entry.seen += 1;
    const due = fitting.find(({ line: { nth }, seen }) => nth === undefined || nth === seen);
    if (due) return due.line.does;
    return this.random && this.dice(this.random, request);
  }

  private dice({ share, seed, except }: RandomTrouble, request: string): Misdeed | null {
    this.asked += 1;
    const thrown = createHash('sha256').update(`${seed} ${this.asked}`).digest().readUInt32BE(0) / 2 ** 32;
    if (thrown >= share || except?.test(request)) return null;
    const index = this.turn.findIndex(({ fits }) => fits.test(request));
    const [found] = this.turn.splice(index, 1);
    if (!found) return null;
    this.turn.push(found);
    const { does } = found;
    const name = 'status' in does ? `${does.kind} ${does.status}` : does.kind;
    this.happened.set(name, (this.happened.get(name) ?? 0) + 1);
    return does;
  }
}
