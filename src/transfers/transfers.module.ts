import { Module } from '@nestjs/common';
import { ConnectionsModule } from '../connections/index.js';
import { ContentsModule } from '../contents/index.js';
import { FilesModule } from '../files/index.js';
import { KeysModule } from '../keys/index.js';
import { AppendToUpload } from './append-to-upload.js';
import { ByteBudgets } from './byte-budgets.js';
import { ChunkSender } from './chunk-sender.js';
import { ContentExchange } from './content-exchange.js';
import { ContentController } from './content.controller.js';
import { Hedging } from './hedging.js';
import { OpenShards } from './open-shards.js';
import { PlacementController } from './placement.controller.js';
import { ReadFile } from './read-file.js';
import { RoomForUpload } from './room-for-upload.js';
import { SendChunk } from './send-chunk.js';
import { ShowPlacement } from './show-placement.js';
import { StoreDerived } from './store-derived.js';
import { StoreFile } from './store-file.js';
import { UploadParts } from './upload-parts.js';
import { Uploads } from './uploads.js';

/**
 * Bytes in, bytes out: one file for each verb, which doors of any protocol call. Knows the order in
 * which the rooms above are asked, and what may be held in memory meanwhile; keeps nothing itself.
 */
@Module({
  imports: [ConnectionsModule, ContentsModule, FilesModule, KeysModule],
  controllers: [ContentController, PlacementController],
  providers: [
    AppendToUpload,
    UploadParts,
    Uploads,
    ByteBudgets,
    ChunkSender,
    ContentExchange,
    Hedging,
    OpenShards,
    ReadFile,
    RoomForUpload,
    SendChunk,
    ShowPlacement,
    StoreDerived,
    StoreFile,
  ],
  exports: [AppendToUpload, Uploads, ContentExchange, ReadFile, RoomForUpload, ShowPlacement, StoreDerived, StoreFile],
})
export class TransfersModule {}
