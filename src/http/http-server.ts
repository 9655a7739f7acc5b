import { createServer } from 'node:http';
import type { NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';

/** How late a time-out of headers may be noticed. Node's own half a minute would let a trickle of headers hold a connection thrice as long as it may. */
const CHECK_EVERY_MS = 1000;

/** Express behind a server that looks for connections whose headers do not come as often as that takes. */
export class GatewayAdapter extends ExpressAdapter {
  override initHttpServer(options: NestApplicationOptions): void {
    super.initHttpServer(options);
    this.httpServer = createServer({ connectionsCheckingInterval: CHECK_EVERY_MS }, this.getInstance());
  }
}
