import { createHash } from 'node:crypto';

export type Misdeed =
  /** Answers so, before anything is done. */
  | {
      readonly kind: 'answers';
      readonly status: number;
      readonly body?: string | Buffer | object;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'resets' }
  /** Does its work, and the answer is lost. */
  | { readonly kind: 'resets-after' }
  /** Does its work, and says that it failed. */
  | { readonly kind: 'fails-after'; readonly status: number }
  /** Says nothing any more: at once, or after so many bytes of a download. */
  | { readonly kind: 'falls-silent'; readonly after?: number }
  /** Uploads: takes so many bytes, then resets. Downloads: gives so many, then resets. */
  | { readonly kind: 'cuts'; readonly after: number }
  /** Uploads: says yes and keeps nothing. */
  | { readonly kind: 'loses' }
  /** Uploads: keeps other bytes, and tells their checksum. Downloads: gives other bytes. */
  | { readonly kind: 'spoils' }
  /** Keeps the right bytes and tells another checksum. */
  | { readonly kind: 'miscounts' }
  /** Compresses the answer's body, as the client said that it may. */
  | { readonly kind: 'gzips' }
  /** Sends a body this slowly. */
  | { readonly kind: 'drips'; readonly bytes: number; readonly everyMs: number };

export interface ScriptLine {
  readonly method?: string;
  /** Part of the path or the query that it is about. */
  readonly about?: string;
  /** Which of these requests, counted from 1; without it every one. */
  readonly nth?: number;
  readonly does: Misdeed;
}

export interface Asked {
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

/** Which share of all requests goes wrong, and in which ways; the same seed spoils the same requests. */
export interface Rough {
  readonly share: number;
  readonly seed: string;
  readonly choose: (asked: Asked, dice: number) => Misdeed;
}

/** Decides what befalls a request: what the script says, and otherwise chance. */
export class Faults {
  /** How often each kind has happened. */
  readonly happened = new Map<string, number>();
  private script: readonly ScriptLine[] = [];
  private readonly met = new Map<ScriptLine, number>();
  private rough: Rough | null = null;
  private asked = 0;

  /** Replaces the script, and counts anew. */
  follow(script: readonly ScriptLine[]): void {
    this.script = script;
    this.met.clear();
  }

  roughen(rough: Rough | null): void {
    this.rough = rough;
    this.asked = 0;
  }

  next(asked: Asked): Misdeed | undefined {
    const misdeed = this.scripted(asked) ?? this.byChance(asked);
    if (misdeed) this.happened.set(misdeed.kind, (this.happened.get(misdeed.kind) ?? 0) + 1);
    return misdeed;
  }

  private scripted(asked: Asked): Misdeed | undefined {
    for (const line of this.script) {
      if (line.method !== undefined && line.method !== asked.method) continue;
      if (line.about !== undefined && !asked.path.includes(line.about)) continue;
      const met = (this.met.get(line) ?? 0) + 1;
      this.met.set(line, met);
      if (line.nth === undefined || line.nth === met) return line.does;
    }
    return undefined;
  }

  private byChance(asked: Asked): Misdeed | undefined {
    if (!this.rough) return undefined;
    const { share, seed, choose } = this.rough;
    const dice = createHash('sha256')
      .update(`${seed} ${(this.asked += 1)}`)
      .digest();
    return dice.readUInt32BE(0) / 2 ** 32 < share ? choose(asked, dice.readUInt32BE(4)) : undefined;
  }
}
