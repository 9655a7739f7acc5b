/** Room of an account's quota that was granted to this gateway, as it stands in memory. */
export class QuotaSlab {
  granted = 0;
  free = 0;
  /** Set aside for uploads that are under way. */
  promised = 0;
  closed = false;

  constructor(
    readonly account: string,
    readonly id: string,
    readonly gateway: string,
  ) {}

  grow(bytes: number): void {
    this.granted += bytes;
    this.free += bytes;
  }

  promise(bytes: number): boolean {
    if (bytes > this.free) return false;
    this.free -= bytes;
    this.promised += bytes;
    return true;
  }

  takeIdle(): number {
    const idle = this.free;
    this.free = 0;
    this.granted -= idle;
    return idle;
  }

  close(): void {
    this.closed = true;
    this.free = 0;
  }
}

/** What one upload has set aside, all of it in one slab, since its content will name one. */
export class QuotaReservation {
  private slab: QuotaSlab | null = null;
  private bytes = 0;

  constructor(private readonly promiseTotal: (bytes: number) => Promise<QuotaSlab>) {}

  /** The slab that the published content names. */
  get slabId(): string | null {
    return this.slab?.id ?? null;
  }

  /** Grows to so many bytes altogether, for uploads that do not know their length. Throws QuotaExceeded. */
  async raiseTo(total: number): Promise<void> {
    if (this.slab && !this.slab.closed && (total <= this.bytes || this.slab.promise(total - this.bytes))) {
      this.bytes = Math.max(total, this.bytes);
      return;
    }
    this.release();
    this.slab = await this.promiseTotal(total);
    this.bytes = total;
  }

  /** The slab was closed in the database: the same room from another one. */
  async renew(): Promise<void> {
    this.slab?.close();
    const bytes = this.bytes;
    this.release();
    await this.raiseTo(bytes);
  }

  /** The content was published with so many bytes: they are spent, the rest is free again. */
  spend(bytes: number): void {
    if (!this.slab) return;
    this.slab.promised -= this.bytes;
    if (!this.slab.closed) this.slab.free += this.bytes - bytes;
    this.forget();
  }

  /** Nothing was published: everything is free again. */
  release(): void {
    if (!this.slab) return;
    this.slab.promised -= this.bytes;
    if (!this.slab.closed) this.slab.free += this.bytes;
    this.forget();
  }

  private forget(): void {
    this.slab = null;
    this.bytes = 0;
  }
}
