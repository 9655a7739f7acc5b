import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * The record. Entries arrive in `audit_inbox`, inside the transaction of what they tell about; one writer at a time
 * moves them into `audit_chain`, where each row's hash covers the row before it, and which refuses every change.
 *
 * The chain's order is `seq`. A unique index on a partitioned table must hold the partition key, so `(account, seq)` alone
 * would let two accounts share a number. What makes it unique is `audit_head`: its one row is locked, compared and moved
 * on in the transaction that inserts, so no two writers can give out the same number; and the check of the chain wants
 * every next row to be exactly one further. Who acted on no account is filed under the nil account.
 */
export class CreateAudit1763712000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createInbox(runner);
    await createChain(runner);
    await refuseChanges(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_chain', 'audit_head', 'audit_inbox']) await runner.query(`drop table ${table}`);
    await runner.query(`drop function audit_chain_is_append_only()`);
  }
}

async function createInbox(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table audit_inbox (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      actor uuid,
      account uuid not null,
      action text not null check (octet_length(action) between 1 and 100),
      subject text check (octet_length(subject) <= 1000),
      details text not null check (details::json is not null and octet_length(details) <= 8192)
    )`);
}

/** `details` is text, not jsonb: the hash covers the very bytes that lie here, so that no two spellings of a number pass for one. */
async function createChain(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table audit_chain (
      account uuid not null,
      seq bigint not null check (seq > 0),
      at timestamptz not null,
      actor uuid,
      action text not null,
      subject text,
      details text not null,
      prev_hash bytea not null check (octet_length(prev_hash) = 32),
      hash bytea not null check (octet_length(hash) = 32),
      primary key (account, seq)
    ) partition by hash (account)`);
  await createPartitions(runner, 'audit_chain');
  await runner.query(`create index audit_chain_order on audit_chain (seq)`);
  await runner.query(`
    create table audit_head (
      only_one boolean primary key default true check (only_one),
      seq bigint not null,
      hash bytea not null check (octet_length(hash) = 32)
    )`);
  await runner.query(`insert into audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'))`);
}

/** Statement triggers fire for the named table alone, so every partition gets its own. */
async function refuseChanges(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function audit_chain_is_append_only() returns trigger language plpgsql as $$
    begin
      raise exception 'the record is append-only';
    end $$`);
  await runner.query(`
    do $$ declare part regclass; begin
      for part in select 'audit_chain'::regclass union all select inhrelid::regclass from pg_inherits where inhparent = 'audit_chain'::regclass loop
        execute format('create trigger append_only before update or delete or truncate on %s for each statement execute function audit_chain_is_append_only()', part);
      end loop;
    end $$`);
}
