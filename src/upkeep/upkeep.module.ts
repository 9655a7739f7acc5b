import { Module } from '@nestjs/common';
import { ConnectionsModule } from '../connections/index.js';
import { ContentsModule } from '../contents/index.js';
import { FilesModule } from '../files/index.js';
import { JobsModule } from '../jobs/index.js';
import { BackupAlert } from './backup-alert.js';
import { ConnectionAlerts } from './connection-alerts.js';
import { DurabilityModule } from './durability/index.js';
import { HomesModule } from './homes/index.js';
import { MovingModule } from './moving/index.js';
import { SpreadingModule } from './spreading/index.js';
import { ScrubModule } from './scrub/index.js';
import { SendAlert } from './send-alert.js';
import { Sweep } from './sweep.js';
import { TryAtStart } from './try-at-start.js';
import { UpkeepOfConnections } from './upkeep-of-connections.js';
import { UpkeepOfConsents } from './upkeep-of-consents.js';
import { UpkeepOfFiles } from './upkeep-of-files.js';
import { UpkeepOfShards } from './upkeep-of-shards.js';
import { UpkeepOfUploads } from './upkeep-of-uploads.js';
import { UpkeepRounds } from './upkeep-rounds.js';

/**
 * What is done while nobody looks: erasing what lay in the trash for long enough, and versions that are too many; giving up lapsed drafts, deleting condemned blobs, settling what
 * dead gateways held, writing markers on, trying connections at the start, telling an operator of those in trouble, and of a backup that was not made. Alone deletes blobs. Works on ciphertext, with no data key.
 */
@Module({
  imports: [
    ConnectionsModule,
    ContentsModule,
    FilesModule,
    JobsModule,
    DurabilityModule,
    HomesModule,
    MovingModule,
    ScrubModule,
    SpreadingModule,
  ],
  providers: [
    BackupAlert,
    ConnectionAlerts,
    SendAlert,
    Sweep,
    TryAtStart,
    UpkeepOfConnections,
    UpkeepOfConsents,
    UpkeepOfFiles,
    UpkeepOfShards,
    UpkeepOfUploads,
    UpkeepRounds,
  ],
  exports: [MovingModule, Sweep, UpkeepRounds],
})
export class UpkeepModule {}
