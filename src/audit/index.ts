export { AuditModule } from './audit.module.js';
export { AuditRecord } from './audit-record.js';
export { AuditWriter } from './audit-writer.js';
export { type AuditEntry, type Details, UnfitEntry } from './entry.js';
export { ReadRecord } from './read-record.js';
