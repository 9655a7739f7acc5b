import { type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/index.js';
import { AccountsModule } from './accounts/index.js';
import { AuditModule } from './audit/index.js';
import { BackupModule } from './backup/index.js';
import { type Config, ConfigModule } from './config/index.js';
import { ConnectionsModule } from './connections/index.js';
import { ContentsModule } from './contents/index.js';
import { DatabaseModule } from './database/index.js';
import { DoorsModule } from './doors/index.js';
import { EphemeralModule } from './ephemeral/index.js';
import { HealthModule } from './health/index.js';
import { HttpModule } from './http/index.js';
import { FilesModule } from './files/index.js';
import { GatewaysModule } from './gateways/index.js';
import { JobsModule } from './jobs/index.js';
import { KeysModule } from './keys/index.js';
import { PurgeModule } from './purge/index.js';
import { SharingModule } from './sharing/index.js';
import { TransfersModule } from './transfers/index.js';
import { UpkeepModule } from './upkeep/index.js';

/** The whole gateway: its rooms, in the order in which they may know each other. */
@Module({})
export class AppModule {
  static with(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        HealthModule,
        DatabaseModule,
        EphemeralModule,
        GatewaysModule,
        JobsModule,
        AuditModule,
        KeysModule,
        AccountsModule,
        AccessModule,
        ConnectionsModule,
        ContentsModule,
        FilesModule,
        TransfersModule,
        SharingModule,
        UpkeepModule,
        PurgeModule,
        BackupModule,
        DoorsModule,
        HttpModule,
      ],
    };
  }
}
