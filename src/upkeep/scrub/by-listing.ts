import { Injectable } from '@nestjs/common';
import { ConnectionResting, type ListedBlob, Throttled } from '#storage';
import { blobsNamed, countLive, type KnownBlob, shardsOf } from '../../contents/index.js';
import { Database } from '../../database/index.js';
import { NoteSeen } from './note-seen.js';
import { readBlob } from './read-blob.js';
import { beginListing, type ScrubChange } from './scrubs.store.js';
import { BehindPeople } from './behind-people.js';
import { noteStrays } from './strays.store.js';
import { noteStep, nothingSeen, type Seen, type Turn } from './turn.js';

/** A listing whose next page cannot be had is begun anew at every second failure, and given up after so many. */
const MOST_STUMBLES = 10;
/** How many names there may be beyond three times what is known: more is no listing but a flood. */
const MOST_BEYOND = 100_000;
/** Of what a listing would prove, one in so many is read all the same: a place that lies in its listings is found. */
const READ_ONE_IN = 365;
const AT_ONCE = 1_000;
const UNLISTABLE: ScrubChange = { unlistable: true, step: 'reading', cursor: null };
/** What any provider calls a blob; whatever else it says is nothing of ours, and is kept out of the database. */
const NAME = /^[A-Za-z0-9_-]{16,64}$/;

/** Looks at one page of a place's listing. All that a provider says here is untrusted: it may repeat, leave out, make up. */
@Injectable()
export class ByListing {
  /** For tests. */
  mostBeyond = MOST_BEYOND;

  constructor(
    private readonly database: Database,
    private readonly behind: BehindPeople,
    private readonly noteSeen: NoteSeen,
  ) {}

  async run(turn: Turn): Promise<void> {
    const { scrub, provider, job } = turn;
    const page = await this.behind
      .work(job.signal, () => provider.list(scrub.cursor ?? undefined, { signal: job.signal }))
      .catch((error: unknown) => this.stumble(turn, error));
    if (page === null) return;
    const known = scrub.entries === 0 ? await countLive(this.database, scrub.connection) : scrub.known;
    const counted = { ...turn, scrub: { ...scrub, known } };
    const next = page.nextCursor ?? null;
    const entries = ours(page.entries);
    for (let at = 0; at < entries.length || at === 0; at += AT_ONCE) {
      const last = at + AT_ONCE >= entries.length;
      await this.look(counted, entries.slice(at, at + AT_ONCE), last && { next, all: page.entries.length });
    }
  }

  private async look(
    turn: Turn,
    entries: readonly ListedBlob[],
    end: false | { next: string | null; all: number },
  ): Promise<void> {
    const { connection } = turn.scrub;
    const names = entries.map(({ name }) => name);
    // After the page was read: whatever is under way has had its row before it had its bytes.
    const known = await blobsNamed(this.database, connection, names);
    const rows = new Map(known.map((blob) => [blob.name, blob]));
    const strays = names.filter((name) => !rows.has(name));
    const seen = await this.judge(turn, entries, rows);
    await this.database.tx(async (sql) => {
      await noteStrays(sql, connection, strays);
      const add = { entries: end ? Math.max(1, end.all) : 0, listed: seen.listed.length, unknown: strays.length };
      await this.noteSeen.run(sql, turn, seen, { add, ...(end && this.goOn(turn, end)) });
    });
  }

  /** What comes after a page. */
  private goOn({ scrub }: Turn, { next, all }: { next: string | null; all: number }): ScrubChange {
    const { known, entries, cursor } = scrub;
    const flood = entries + all > 3 * known + this.mostBeyond;
    if (flood || (next !== null && next === cursor)) return { known, ...UNLISTABLE };
    return { known, stumbles: 0, cursor: next, ...(next === null && { step: 'unlisted' }) };
  }

  private async judge(turn: Turn, entries: readonly ListedBlob[], rows: ReadonlyMap<string, KnownBlob>): Promise<Seen> {
    const seen = nothingSeen();
    const doubtful: KnownBlob[] = [];
    for (const entry of entries) {
      const blob = rows.get(entry.name);
      if (blob === undefined) continue;
      seen.listed.push(blob);
      if (blob.state !== 'live') continue;
      const told = compare(entry, blob);
      // Of what was missing and is there again, more has to be known than that it is.
      if (told === 'other' || (told === 'there' && blob.fault === 'missing')) doubtful.push(blob);
      else if (told === 'same' && this.believes(turn, blob)) seen.proved.push(blob);
    }
    await this.readDoubtful(turn, doubtful, seen);
    return seen;
  }

  /**
   * That other bytes lie there is found out by reading them, at once: a provider that mixes up its metadata would otherwise
   * have everything repaired that it keeps well.
   */
  private async readDoubtful(turn: Turn, doubtful: readonly KnownBlob[], seen: Seen): Promise<void> {
    const { job, provider } = turn;
    const shards = await shardsOf(this.database, doubtful);
    await this.behind.each(doubtful, job.signal, async (blob) => {
      const verdict = await readBlob(provider, { ...blob, shards: shards.get(blob.blob) ?? [] }, job.signal);
      if (verdict === 'whole') seen.read.push(blob);
      else if (verdict !== 'unread') seen.faults[verdict].push(blob);
    });
  }

  private believes({ scrub }: Turn, blob: KnownBlob): boolean {
    if (scrub.reads === 'all' || blob.fault === 'damaged') return false;
    return blob.fault === 'missing' || crypto.getRandomValues(new Uint32Array(1))[0]! % READ_ONE_IN !== 0;
  }

  /** The place may be away, or the cursor no longer good: tried again with it, then without. */
  private async stumble(turn: Turn, error: unknown): Promise<null> {
    const { scrub, job } = turn;
    job.signal.throwIfAborted();
    const passing = error instanceof Throttled || error instanceof ConnectionResting;
    if (passing || scrub.cursor === null) throw error;
    const stumbles = scrub.stumbles + 1;
    if (stumbles >= MOST_STUMBLES) {
      await noteStep(this.database, scrub, UNLISTABLE);
      return null;
    }
    await noteStep(this.database, scrub, { stumbles });
    if (stumbles % 2 === 1) throw error;
    await beginListing(this.database, scrub, scrub.place ?? 'whole');
    return null;
  }
}

/** What may be a blob of ours, each name once. */
function ours(entries: readonly ListedBlob[]): ListedBlob[] {
  const named = entries.filter(({ name, foreign }) => !foreign && typeof name === 'string' && NAME.test(name));
  return [...new Map(named.map((entry) => [entry.name, entry])).values()];
}

/** `same`: its provider's own checksum says so. `there`: only that something of this length lies there. */
function compare({ length, checksum }: ListedBlob, blob: KnownBlob): 'same' | 'there' | 'other' {
  if (length !== blob.length) return 'other';
  if (typeof checksum !== 'string' || blob.checksum === null || kindOf(checksum) !== kindOf(blob.checksum))
    return 'there';
  return checksum === blob.checksum ? 'same' : 'other';
}

const kindOf = (checksum: string): string => checksum.slice(0, checksum.indexOf(':'));
