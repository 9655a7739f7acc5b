import { Module } from '@nestjs/common';
import { FilesModule } from '../files/index.js';
import { TransfersModule } from '../transfers/index.js';
import { DavController } from './webdav/dav.controller.js';
import { GreetController } from './webdav/greet.controller.js';

/**
 * The vault behind other protocols. Each door knows how its protocol says things, and calls the verbs of the rooms above,
 * which decide; it has no rules, no rows and no bytes of its own.
 */
@Module({
  imports: [FilesModule, TransfersModule],
  controllers: [GreetController, DavController],
})
export class DoorsModule {}
