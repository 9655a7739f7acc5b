import { type DynamicModule, Module } from '@nestjs/common';
import { type Config, ConfigModule } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { EphemeralModule } from './ephemeral/index.js';

/** The whole gateway: its rooms, in the order in which they may know each other. */
@Module({})
export class AppModule {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.with(config), DatabaseModule, EphemeralModule],
    };
  }
}
