import { Module } from '@nestjs/common';
import { GatewayLease } from './gateway-lease.js';

/**
 * The gateways that run on this database, each with a lease on the database's clock. Knows who is
 * alive; does not know what they hold: rooms bind that to a gateway's id themselves.
 */
@Module({ providers: [GatewayLease], exports: [GatewayLease] })
export class GatewaysModule {}
