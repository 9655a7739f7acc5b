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
export type { Sql, Values } from './sql.js';
