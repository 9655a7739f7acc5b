import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { FilesModule } from '../files/index.js';
import { TransfersModule } from '../transfers/index.js';
import { BytesController } from './webdav/bytes.controller.js';
import { EntriesController } from './webdav/entries.controller.js';
import { sayVersion, TusController } from './tus/tus.controller.js';
import { GreetController } from './webdav/greet.controller.js';
import { LocksController } from './webdav/locks.controller.js';
import { Preconditioned } from './webdav/preconditioned.js';
import { PropertiesController } from './webdav/properties.controller.js';
import { Propfind } from './webdav/propfind.js';

/**
 * The vault behind other protocols. Each door knows how its protocol says things, and calls the verbs of the rooms above,
 * which decide; it has no rules, no rows and no bytes of its own.
 */
@Module({
  imports: [FilesModule, TransfersModule],
  controllers: [
    GreetController,
    BytesController,
    EntriesController,
    PropertiesController,
    LocksController,
    TusController,
  ],
  providers: [Preconditioned, Propfind],
})
export class DoorsModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(sayVersion).forRoutes(TusController);
  }
}
