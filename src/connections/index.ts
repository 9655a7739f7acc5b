export { ConnectionsModule } from './connections.module.js';
export { ConnectionHealth } from './connection-health.js';
export { ConnectionPool } from './connection-pool.js';
export { Markers } from './marker.js';
export { SpaceLedger, type SpaceReservation } from './space-ledger.js';
export { Spreads } from './spreads.js';
export { allConnections, type ConnectionRow } from './connections.store.js';
export * from './errors.js';
