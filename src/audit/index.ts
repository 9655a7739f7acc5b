export { AuditModule } from './audit.module.js';
export { AuditRecord, writeEntry } from './audit-record.js';
export { ReadRecord } from './read-record.js';
export type { AuditEntry, Details } from './entry.js';
