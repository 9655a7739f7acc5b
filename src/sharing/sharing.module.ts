import { Module } from '@nestjs/common';
import { FilesModule } from '../files/index.js';
import { TransfersModule } from '../transfers/index.js';
import { ArchiveController } from './archive/archive.controller.js';
import { SendArchive } from './archive/send-archive.js';

/**
 * Files on their way to others, and many at once: archives, links, addresses to upload to. Knows who may have what for how
 * long; the bytes come and go by the verbs of the rooms above, and it keeps none.
 */
@Module({
  imports: [FilesModule, TransfersModule],
  controllers: [ArchiveController],
  providers: [SendArchive],
})
export class SharingModule {}
