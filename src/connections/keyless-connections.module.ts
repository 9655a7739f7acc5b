import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { ConnectionHealth } from './connection-health.js';
import { ConnectionPool } from './connection-pool.js';
import { DeletionHold } from './deletion-hold.js';
import { Gates } from './gates.js';
import { GivingUp } from './giving-up.js';
import { KeptSecrets } from './kept-secrets.js';
import { LetGo } from './let-go.js';
import { LightLook } from './light-look.js';
import { Markers } from './marker.js';
import { PlaceShards } from './place-shards.js';
import { PoolWatch } from './pool-watch.js';
import { ProviderOpener } from './provider-opener.js';
import { SpaceLedger } from './space-ledger.js';
import { Spreads } from './spreads.js';
import { Tokens } from './tokens.js';
import { Traffic } from './traffic.js';
import { UsualTimes } from './usual-times.js';
import { Vendors } from './vendors.js';
import { AskedMarkers, AskedSecrets, NoTokens } from './worker/asked.js';
import { AskGateway } from './worker/ask-gateway.js';

/**
 * Connections for a process without the root key: the same pool, room, pacing and health, where credentials and markers are
 * opened by a gateway that is asked over a socket. Connects nothing, changes nothing, writes no marker.
 */
@Module({
  imports: [AuditModule, GatewaysModule],
  providers: [
    AskGateway,
    ConnectionHealth,
    ConnectionPool,
    DeletionHold,
    Gates,
    GivingUp,
    { provide: KeptSecrets, useClass: AskedSecrets },
    LetGo,
    LightLook,
    { provide: Markers, useClass: AskedMarkers },
    PlaceShards,
    PoolWatch,
    ProviderOpener,
    SpaceLedger,
    Spreads,
    { provide: Tokens, useClass: NoTokens },
    Traffic,
    UsualTimes,
    Vendors,
  ],
  exports: [
    ConnectionHealth,
    ConnectionPool,
    DeletionHold,
    GivingUp,
    LetGo,
    LightLook,
    Markers,
    PlaceShards,
    SpaceLedger,
    Spreads,
    Tokens,
    UsualTimes,
  ],
})
export class KeylessConnectionsModule {}
