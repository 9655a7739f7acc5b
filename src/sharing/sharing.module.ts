import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/index.js';
import { AuditModule } from '../audit/index.js';
import { FilesModule } from '../files/index.js';
import { TransfersModule } from '../transfers/index.js';
import { ArchiveController } from './archive/archive.controller.js';
import { KeysModule } from '../keys/index.js';
import { UploadAddressController } from './uploads/upload-address.controller.js';
import { UploadAddresses } from './uploads/upload-addresses.js';
import { SendArchive } from './archive/send-archive.js';
import { KeptPreviews } from './previews/kept-previews.js';
import { MakePreview } from './previews/make-preview.js';
import { PictureDecoder } from './previews/picture-decoder.js';
import { PreviewController } from './previews/preview.controller.js';
import { Previews } from './previews/previews.js';
import { Links } from './links/links.js';
import { LinksController } from './links/links.controller.js';
import { SharedController } from './links/shared.controller.js';
import { Visits } from './links/visits.js';

/**
 * Files on their way to others, many at once, and small: archives, links, addresses to upload to, previews. Knows who may have
 * what for how long; the bytes come and go by the verbs of the rooms above.
 */
@Module({
  imports: [AccountsModule, AuditModule, FilesModule, KeysModule, TransfersModule],
  controllers: [ArchiveController, LinksController, PreviewController, SharedController, UploadAddressController],
  providers: [SendArchive, Links, Visits, UploadAddresses, KeptPreviews, MakePreview, PictureDecoder, Previews],
})
export class SharingModule {}
