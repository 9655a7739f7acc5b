import { Module } from '@nestjs/common';
import { ConnectionsModule } from '../connections/index.js';
import { ContentsModule } from '../contents/index.js';
import { Sweep } from './sweep.js';
import { UpkeepOfConnections } from './upkeep-of-connections.js';
import { UpkeepRounds } from './upkeep-rounds.js';

/**
 * What is done while nobody looks: giving up lapsed drafts, deleting condemned blobs, settling what
 * dead gateways held, writing markers on. Alone deletes blobs. Works on ciphertext, with no data key.
 */
@Module({
  imports: [ConnectionsModule, ContentsModule],
  providers: [Sweep, UpkeepOfConnections, UpkeepRounds],
  exports: [Sweep, UpkeepRounds],
})
export class UpkeepModule {}
