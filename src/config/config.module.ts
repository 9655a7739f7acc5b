import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Config } from './config.js';

/**
 * The settings. Knows every variable that an operator may set, its default and its bounds, and reads the environment
 * exactly once, before anything else is built. Does not know what the settings are for. Nobody else looks at the environment.
 */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: Config, useValue: config }], exports: [Config] };
  }
}
