import { randomInt } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { inSecondLine } from '#storage';
import { connectionById } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, NotYet } from '../../jobs/index.js';
import { CheckPlace } from './check-place.js';
import { EndScrub } from './end-scrub.js';
import { type ScrubRow, scrubOf } from './scrubs.store.js';
import { ScrubSteps } from './scrub-steps.js';
import { RunOver, type Turn } from './turn.js';

export const SCRUB_JOB = 'scrub';

/** How long one attempt goes on before other jobs get their turn. */
const TURN_MS = 20_000;
/** Of the four jobs that a gateway has in hand, others always find two free. */
const AT_ONCE = 2;
const LONGEST_PAUSE_SECONDS = 3600;

const NOTES = {
  listing: 'Comparing what is listed there with what should be.',
  unlisted: 'Looking for what was not listed.',
  reading: 'Reading and comparing.',
  strays: 'Clearing away what belongs to nobody.',
  ended: null,
} as const;

/**
 * Looks through one connection: by its listing first, then for what that did not show, then by reading what it did not
 * prove; last it sweeps what belongs to nobody. Where it stands is in its row of `scrubs`, written together with what was
 * found, so that whoever goes on repeats at most one page or batch, whose every observation may be made twice.
 */
@Injectable()
export class ScrubJob implements OnModuleInit {
  private running = 0;
  /** For tests. */
  turnMs = TURN_MS;

  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly place: CheckPlace,
    private readonly steps: ScrubSteps,
    private readonly end: EndScrub,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: SCRUB_JOB,
      attempts: null,
      cancellable: true,
      keyless: true,
      longestPauseSeconds: LONGEST_PAUSE_SECONDS,
      run: (job) => inSecondLine(() => this.run(job)),
    });
  }

  private async run(job: JobRun): Promise<void> {
    if (this.running >= AT_ONCE) throw new NotYet('Other connections are looked through first.', randomInt(5, 20));
    this.running += 1;
    try {
      while (!(await this.attempt(job)));
    } finally {
      this.running -= 1;
    }
  }

  /** True when the scrub has ended; false when it was begun anew under our hands. */
  private async attempt(job: JobRun): Promise<boolean> {
    const connection = job.ids['connection'] as string;
    const [row, scrub] = [await connectionById(this.database, connection), await scrubOf(this.database, connection)];
    if (!row || !scrub || scrub.endedAt !== null) return true;
    // Begun anew after this job was asked for: it has ended when that one has.
    if (scrub.run !== job.ids['run']) throw new NotYet('It was begun anew.', 2);
    const opened = await this.place.open(row, scrub);
    try {
      const found = await this.place.run(job, scrub, row, opened.provider);
      const turn = { job, row, provider: opened.provider };
      if (found === null) await this.end.run({ ...turn, scrub });
      else await this.goOn(turn, performance.now() + this.turnMs);
      return true;
    } catch (error) {
      if (error instanceof RunOver) return false;
      throw error;
    } finally {
      if (opened.ours) await opened.provider.close();
    }
  }

  private async goOn(turn: Omit<Turn, 'scrub'>, until: number): Promise<void> {
    const { job, row } = turn;
    for (;;) {
      const scrub = await scrubOf(this.database, row.id);
      if (!scrub || scrub.endedAt !== null) return;
      if (scrub.run !== job.ids['run']) throw new RunOver();
      await job.progress({ ...progressOf(scrub), note: NOTES[scrub.step] });
      if (performance.now() > until) throw new NotYet('It goes on in a moment.', 1);
      if (await this.steps.run({ ...turn, scrub })) await this.end.run({ ...turn, scrub });
    }
  }
}

function progressOf({ step, known, listed, read, toRead }: ScrubRow): { done: number; total: number } {
  const looked = step === 'listing' || step === 'unlisted' ? Math.min(listed, known) : known;
  return { done: looked + read, total: known + Math.max(toRead, read) };
}
