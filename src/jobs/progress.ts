export interface Progress {
  readonly done?: number;
  /** Null while nobody knows. */
  readonly total?: number | null;
  /** One sentence for people; null takes it away. */
  readonly note?: string | null;
}
