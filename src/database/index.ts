export { Database, type Isolation, type TransactionOptions } from './database.js';
export { DatabaseModule } from './database.module.js';
export {
  CommitUnknown,
  DatabaseAway,
  DatabaseBusy,
  DatabaseFull,
  DatabaseUnusable,
  RowUnreadable,
  TransactionAborted,
  TransactionConflict,
  violates,
} from './faults.js';
export { copyIn, copyOut } from './copy.js';
export { fillDatabase, knownMigrations, lookAtTarget } from './fill-database.js';
export { reachDatabase, type ReachedDatabase, reachTarget } from './reach-database.js';
export { openClient } from './open-client.js';
export { type Sql, sqlOn, type Values } from './sql.js';
