import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * Sealed bytes. A content is open while it is a draft, then published or abandoned; a published one
 * is erased when the last version that holds it goes. A blob goes intended, live, condemned, gone, never back. The triggers hold both, whoever writes.
 */
export class CreateContents1763712000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createContents(runner);
    await createChunks(runner);
    await createBlobs(runner);
    await createShards(runner);
    await createOneWayStates(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['shards', 'blobs', 'manifest_pages', 'chunks', 'contents']) {
      await runner.query(`drop table ${table}`);
    }
    await runner.query(`drop function content_goes_one_way(), blob_goes_one_way()`);
    await runner.query(`drop sequence blob_sequence`);
  }
}

/**
 * No foreign key leads to an account's key or to a connection: each insert would lock that one row shared, and a row that
 * everybody locks is a hot one. Neither is ever deleted; they are marked destroyed and removed.
 */
async function createContents(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table contents (
      account uuid not null,
      id uuid not null,
      state text not null check (state in ('open', 'published', 'abandoned', 'erased')),
      account_key uuid not null,
      wrapped_key bytea check (octet_length(wrapped_key) = 72),
      data smallint not null,
      parity smallint not null,
      gateway uuid,
      lease_until timestamptz,
      quota_slab uuid,
      size bigint check (size >= 0),
      chunks integer check (chunks >= 0),
      manifest_header bytea,
      created_at timestamptz not null default now(),
      ended_at timestamptz,
      primary key (account, id),
      check (state <> 'open' or gateway is not null or lease_until is not null),
      check (state <> 'published' or (size is not null and chunks is not null and manifest_header is not null)),
      check (state not in ('abandoned', 'erased') or wrapped_key is null)
    ) partition by hash (account)`);
  await createPartitions(runner, 'contents');
  await runner.query(`create index contents_open on contents (gateway) where state = 'open'`);
  await runner.query(`create index contents_ended on contents (ended_at) where state in ('abandoned', 'erased')`);
  await runner.query(`create index contents_by_slab on contents (account, quota_slab) where quota_slab is not null`);
  await runner.query(`create index contents_by_key on contents (account, account_key)`);
}

async function createChunks(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table chunks (
      account uuid not null,
      content uuid not null,
      index integer not null check (index >= 0),
      key_id uuid not null,
      wrapped_key bytea not null check (octet_length(wrapped_key) = 72),
      length integer not null check (length > 0),
      primary key (account, content, index),
      unique (account, key_id),
      foreign key (account, content) references contents on delete cascade
    ) partition by hash (account)`);
  await createPartitions(runner, 'chunks');
  await runner.query(`
    create table manifest_pages (
      account uuid not null,
      content uuid not null,
      page integer not null check (page >= 0),
      start_offset bigint not null check (start_offset >= 0),
      sealed bytea not null,
      primary key (account, content, page),
      foreign key (account, content) references contents on delete cascade
    ) partition by hash (account)`);
  await createPartitions(runner, 'manifest_pages');
}

async function createBlobs(runner: QueryRunner): Promise<void> {
  await runner.query(`create sequence blob_sequence`);
  await runner.query(`
    create table blobs (
      account uuid not null,
      id uuid not null,
      connection uuid not null,
      name text not null check (name ~ '^[a-z2-7]{26}$'),
      length bigint not null check (length > 0),
      state text not null check (state in ('intended', 'live', 'condemned', 'gone')),
      sequence bigint not null default nextval('blob_sequence'),
      checksum text,
      condemned_at timestamptz,
      absent_looks smallint not null default 0,
      looked_at timestamptz,
      created_at timestamptz not null default now(),
      primary key (account, id)
    ) partition by hash (account)`);
  await createPartitions(runner, 'blobs');
  await runner.query(`create index blobs_by_place on blobs (connection, name)`);
  await runner.query(
    `create index blobs_ended on blobs (connection, state, condemned_at) where state in ('condemned', 'gone')`,
  );
}

async function createShards(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table shards (
      account uuid not null,
      content uuid not null,
      chunk integer not null,
      shard smallint not null check (shard >= 0),
      blob uuid not null,
      "offset" bigint not null check ("offset" >= 0),
      length bigint not null check (length > 0),
      digest bytea not null check (octet_length(digest) = 32),
      primary key (account, content, chunk, shard),
      foreign key (account, content, chunk) references chunks on delete cascade,
      foreign key (account, blob) references blobs
    ) partition by hash (account)`);
  await createPartitions(runner, 'shards');
  await runner.query(`create index shards_by_blob on shards (account, blob)`);
}

async function createOneWayStates(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function content_goes_one_way() returns trigger language plpgsql as $$
    begin
      if not (old.state = 'open' and new.state in ('published', 'abandoned')) and not (old.state = 'published' and new.state = 'erased') then
        raise exception 'a content does not go from % to %', old.state, new.state;
      end if;
      return new;
    end $$`);
  await runner.query(`
    create trigger content_goes_one_way before update of state on contents
    for each row when (old.state is distinct from new.state) execute function content_goes_one_way()`);
  await runner.query(`
    create function blob_goes_one_way() returns trigger language plpgsql as $$
    begin
      if array_position(array['intended', 'live', 'condemned', 'gone'], new.state)
         < array_position(array['intended', 'live', 'condemned', 'gone'], old.state) then
        raise exception 'a blob does not go from % to %', old.state, new.state;
      end if;
      return new;
    end $$`);
  await runner.query(`
    create trigger blob_goes_one_way before update of state on blobs
    for each row when (old.state is distinct from new.state) execute function blob_goes_one_way()`);
}
