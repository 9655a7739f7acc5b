import { Module } from '@nestjs/common';
import { AuditRecord } from './audit-record.js';
import { AuditWriter } from './audit-writer.js';
import { ReadRecord } from './read-record.js';

/**
 * The record: who did what, when, in rows that hang together by their hashes. Knows how to append, chain, list and verify.
 * Does not know what the actions mean, nor who may read them. Anybody tells it something inside their own transaction; one
 * writer at a time puts it into the chain, so that nobody waits for the record.
 */
@Module({
  providers: [AuditWriter, AuditRecord, ReadRecord],
  exports: [AuditRecord, AuditWriter, ReadRecord],
})
export class AuditModule {}
