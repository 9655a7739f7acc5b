export { ConnectionsModule } from './connections.module.js';
export { ConnectionHealth } from './connection-health.js';
export { failsForLong } from './connection-status.js';
export { GivingUp } from './giving-up.js';
export { healthOf, type HealthRow } from './health.store.js';
export { LightLook } from './light-look.js';
export { forgetOldHours } from './traffic.store.js';
export { ConnectionPool, type Patience } from './connection-pool.js';
export { LetGo } from './let-go.js';
export { type Place, PlaceShards, type PlaceRequest } from './place-shards.js';
export { FOREIGN, type Found, GONE, Markers } from './marker.js';
export { type Revocation, RevokeConsent } from './revoke-consent.js';
export { SpaceLedger, type SpaceReservation } from './space-ledger.js';
export { Spreads } from './spreads.js';
export { Tokens } from './tokens.js';
export {
  allConnections,
  connectionById,
  type ConnectionRow,
  domainsOf,
  lockConnection,
  raiseAlarm,
} from './connections.store.js';
export * from './errors.js';
export { UsualTimes } from './usual-times.js';
export { connectionsOf, disableConnectionsOf, dropSpread } from './own-connections.store.js';
export { AHEAD, DeletionHold } from './deletion-hold.js';
export { replaceHold } from './holds.store.js';
export { KeylessConnectionsModule } from './keyless-connections.module.js';
