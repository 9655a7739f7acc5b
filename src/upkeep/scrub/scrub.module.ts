import { Module } from '@nestjs/common';
import { AccountsModule } from '../../accounts/index.js';
import { AuditModule } from '../../audit/index.js';
import { ConnectionsModule } from '../../connections/index.js';
import { ContentsModule } from '../../contents/index.js';
import { JobsModule } from '../../jobs/index.js';
import { AskForScrub } from './ask-for-scrub.js';
import { ByListing } from './by-listing.js';
import { ByReading } from './by-reading.js';
import { CheckPlace } from './check-place.js';
import { DailyScrub } from './daily-scrub.js';
import { EndScrub } from './end-scrub.js';
import { NoteSeen } from './note-seen.js';
import { RaiseAlarm } from './raise-alarm.js';
import { ScrubJob } from './scrub-job.js';
import { ScrubSteps } from './scrub-steps.js';
import { ScrubController } from './scrub.controller.js';
import { BehindPeople } from './behind-people.js';
import { ShowScrub } from './show-scrub.js';
import { SweepStrays } from './sweep-strays.js';
import { Unlisted } from './unlisted.js';

/**
 * Looking through connections: whether what should lie there does, and whether it is what was stored; and clearing away what
 * lies in our folder and belongs to nobody. Notes what it finds in the blobs' rows and repairs nothing; believes no provider
 * further than its answer can be checked. Knows no key but, by `connections`, the one that opens markers.
 */
@Module({
  imports: [AccountsModule, AuditModule, ConnectionsModule, ContentsModule, JobsModule],
  controllers: [ScrubController],
  providers: [
    AskForScrub,
    ByListing,
    ByReading,
    CheckPlace,
    DailyScrub,
    EndScrub,
    NoteSeen,
    RaiseAlarm,
    ScrubJob,
    ScrubSteps,
    BehindPeople,
    ShowScrub,
    SweepStrays,
    Unlisted,
  ],
  exports: [AskForScrub],
})
export class ScrubModule {}
