import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { KeysModule } from '../keys/index.js';
import { ChangeConnection } from './change-connection.js';
import { Connect } from './connect.js';
import { ConnectionHealth } from './connection-health.js';
import { ConnectionPool } from './connection-pool.js';
import { ConnectionsController } from './connections.controller.js';
import { DefaultStorageController } from './default-storage.controller.js';
import { Credentials } from './credentials.js';
import { FirstVault } from './first-vault.js';
import { FoldersController } from './folders.controller.js';
import { Gates } from './gates.js';
import { LightLook } from './light-look.js';
import { ListFolders } from './list-folders.js';
import { Markers } from './marker.js';
import { ProviderOpener } from './provider-opener.js';
import { ShowConnections } from './show-connections.js';
import { SpaceLedger } from './space-ledger.js';
import { Spreads } from './spreads.js';
import { Traffic } from './traffic.js';
import { TryLimit } from './try-limit.js';
import { WebLoginController } from './web-login.controller.js';
import { WebLogin } from './web-login.js';

/**
 * Clouds and vaults being connected, tested and kept open, the room on them, and how an account's
 * new chunks are spread over them. Hands out providers that keep opaque blobs; knows nothing of
 * files, and of keys only those that seal a marker and open credentials.
 */
@Module({
  imports: [AuditModule, GatewaysModule, KeysModule],
  controllers: [ConnectionsController, DefaultStorageController, FoldersController, WebLoginController],
  providers: [
    ChangeConnection,
    Connect,
    ConnectionHealth,
    ConnectionPool,
    Credentials,
    FirstVault,
    Gates,
    LightLook,
    ListFolders,
    Markers,
    ProviderOpener,
    ShowConnections,
    SpaceLedger,
    Spreads,
    Traffic,
    TryLimit,
    WebLogin,
  ],
  exports: [ConnectionHealth, ConnectionPool, LightLook, Markers, SpaceLedger, Spreads],
})
export class ConnectionsModule {}
