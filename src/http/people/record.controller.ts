import { Controller, Get } from '@nestjs/common';
import { AuditPage, AuditQuery, AuditVerdict } from '#contracts';
import { Access, type AccessRule, Describe, FromQuery } from '../../access/index.js';
import { ReadRecord } from '../../audit/index.js';

const READERS: AccessRule = { roles: ['admin', 'auditor'] };

@Controller('api/admin/audit')
export class RecordController {
  constructor(private readonly record: ReadRecord) {}

  @Get()
  @Access(READERS)
  @Describe({ summary: 'A page of the record: who did what, and when.', answers: { 200: AuditPage } })
  list(@FromQuery(AuditQuery) query: AuditQuery): Promise<AuditPage> {
    return this.record.list(query);
  }

  @Get('verify')
  @Access(READERS)
  @Describe({
    summary: 'Checks that no row of the record was changed, taken out or put in.',
    answers: { 200: AuditVerdict },
  })
  verify(): Promise<AuditVerdict> {
    return this.record.verify();
  }
}
