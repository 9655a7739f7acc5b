import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/index.js';
import { AuditModule } from '../audit/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { KeysModule } from '../keys/index.js';
import { ChangeConnection } from './change-connection.js';
import { Connect } from './connect.js';
import { ConnectionHealth } from './connection-health.js';
import { ConnectionPool } from './connection-pool.js';
import { ConnectionsController } from './connections.controller.js';
import { ConsentController } from './consent/consent.controller.js';
import { ConsentFlows } from './consent/consent-flows.js';
import { ConsentLimit } from './consent/consent-limit.js';
import { FinishConsent } from './consent/finish-consent.js';
import { KeepConsent } from './consent/keep-consent.js';
import { Reconnect } from './consent/reconnect.js';
import { StartConsent } from './consent/start-consent.js';
import { DeletionHold } from './deletion-hold.js';
import { HoldController } from './hold.controller.js';
import { DefaultStorageController } from './default-storage.controller.js';
import { Credentials } from './credentials.js';
import { FirstVault } from './first-vault.js';
import { FoldersController } from './folders.controller.js';
import { Gates } from './gates.js';
import { GivingUp } from './giving-up.js';
import { KeptSecrets, OwnSecrets } from './kept-secrets.js';
import { LightLook } from './light-look.js';
import { ListFolders } from './list-folders.js';
import { LetGo } from './let-go.js';
import { Markers } from './marker.js';
import { PlaceShards } from './place-shards.js';
import { PoolWatch } from './pool-watch.js';
import { ProviderOpener } from './provider-opener.js';
import { RefreshTokens } from './refresh-tokens.js';
import { RevokeConsent } from './revoke-consent.js';
import { ShowConnections } from './show-connections.js';
import { SpaceLedger } from './space-ledger.js';
import { Spreads } from './spreads.js';
import { Traffic } from './traffic.js';
import { Tokens } from './tokens.js';
import { TryLimit } from './try-limit.js';
import { UsualTimes } from './usual-times.js';
import { Vendors } from './vendors.js';
import { WebLoginController } from './web-login.controller.js';
import { WebLogin } from './web-login.js';
import { WorkerDoor } from './worker/worker-door.js';

/**
 * Clouds and vaults being connected, tested and kept open, the room on them, and how an account's
 * new chunks are spread over them. Hands out providers that keep opaque blobs; knows nothing of
 * files, and of keys only those that seal a marker and open credentials.
 */
@Module({
  imports: [AccountsModule, AuditModule, GatewaysModule, KeysModule],
  controllers: [
    ConnectionsController,
    ConsentController,
    DefaultStorageController,
    HoldController,
    FoldersController,
    WebLoginController,
  ],
  providers: [
    ChangeConnection,
    Connect,
    ConnectionHealth,
    ConnectionPool,
    ConsentFlows,
    ConsentLimit,
    Credentials,
    DeletionHold,
    FinishConsent,
    FirstVault,
    Gates,
    GivingUp,
    { provide: KeptSecrets, useClass: OwnSecrets },
    LightLook,
    KeepConsent,
    ListFolders,
    LetGo,
    Markers,
    PlaceShards,
    PoolWatch,
    ProviderOpener,
    Reconnect,
    RefreshTokens,
    RevokeConsent,
    ShowConnections,
    SpaceLedger,
    Spreads,
    Traffic,
    StartConsent,
    Tokens,
    TryLimit,
    UsualTimes,
    Vendors,
    WebLogin,
    WorkerDoor,
  ],
  exports: [
    GivingUp,
    ConnectionHealth,
    ConnectionPool,
    DeletionHold,
    LetGo,
    LightLook,
    Markers,
    PlaceShards,
    RevokeConsent,
    SpaceLedger,
    Spreads,
    Tokens,
    UsualTimes,
  ],
})
export class ConnectionsModule {}
