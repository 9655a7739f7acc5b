/** An answer read whole. */
export interface Told {
  readonly status: number;
  readonly header: (name: string) => string | null;
  /** Undefined where the body is none. */
  readonly json: unknown;
}

/** Undefined for what is no JSON. */
export function parsed(body: Buffer): unknown {
  try {
    return body.length === 0 ? undefined : JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
