import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * Uploads that go on over several requests, and what each stored chunk will say in the manifest. `fence` names the request
 * that may write; a later one takes a higher number, and the earlier finds its own gone. `sealed_hash` is how far the
 * plaintext's hash has come, sealed under the content's key.
 */
export class CreateUploads1763712000025 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table uploads (
        account uuid not null,
        id uuid not null,
        names text[] not null,
        content_type text not null,
        metadata text not null,
        modified_at timestamptz,
        length bigint check (length >= 0),
        "offset" bigint not null default 0 check ("offset" >= 0 and (length is null or "offset" <= length)),
        chunks integer not null default 0,
        sealed_hash bytea,
        fence bigint not null default 0,
        published_at timestamptz,
        expires_at timestamptz not null,
        created_at timestamptz not null default now(),
        primary key (account, id)
      )`);
    await runner.query(`create index uploads_by_expiry on uploads (expires_at)`);
    await runner.query(`
      create table upload_chunks (
        account uuid not null,
        content uuid not null,
        index integer not null,
        "offset" bigint not null,
        length integer not null,
        padded integer not null,
        key_id uuid not null,
        header bytea not null check (octet_length(header) = 64),
        primary key (account, content, index),
        foreign key (account, content, index) references chunks on delete cascade
      ) partition by hash (account)`);
    await createPartitions(runner, 'upload_chunks');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table upload_chunks`);
    await runner.query(`drop table uploads`);
  }
}
