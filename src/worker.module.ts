import { type DynamicModule, Module } from '@nestjs/common';
import { AuditModule } from './audit/index.js';
import { type Config, ConfigModule } from './config/index.js';
import { KeylessConnectionsModule } from './connections/index.js';
import { Losses } from './contents/index.js';
import { DatabaseModule } from './database/index.js';
import { EphemeralModule } from './ephemeral/index.js';
import { GatewaysModule } from './gateways/index.js';
import { HealthModule } from './health/index.js';
import { JobsModule } from './jobs/index.js';
import { keylessUpkeep } from './upkeep/index.js';

/** The gateway's rooms without those that hold a key, listen or answer: upkeep of ciphertext, and what it stands on. */
@Module({})
export class WorkerModule {
  static with(config: Config): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        ConfigModule.with(config),
        HealthModule,
        DatabaseModule,
        EphemeralModule,
        GatewaysModule,
        JobsModule,
        AuditModule,
        KeylessConnectionsModule,
      ],
      providers: [Losses, ...keylessUpkeep],
    };
  }
}
