import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was observed of blobs, beside the state that goes one way: a fault can be taken back when the bytes turn up again.
 * A shard on its way to another blob has a row in `moves`, since that blob hangs on no shard yet. `standing_shards` is the
 * one place that says which shards are there to be counted on.
 */
export class ObserveBlobs1763712000040 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table blobs add column fault text check (fault in ('missing', 'damaged')), add column fault_at timestamptz,
        add column proved_at timestamptz not null default now(),
        add constraint blobs_fault_dated check ((fault is null) = (fault_at is null))`);
    await runner.query(
      `create index blobs_faulty on blobs (account, fault_at) where fault is not null and state = 'live'`,
    );
    await runner.query(`create index blobs_to_prove on blobs (connection, proved_at) where state = 'live'`);
    await runner.query(`
      alter table connections add column spool boolean not null default false, add column drain_since timestamptz,
        add column given_up_at timestamptz`);
    await runner.query(`alter table shards add column home uuid`);
    await runner.query(`create index shards_away on shards (home) where home is not null`);
    await createMoves(runner);
    await runner.query(`
      create view standing_shards as
      select s.account, s.content, s.chunk, s.shard, s.blob, s."offset", s.length, s.digest, s.home,
        b.connection, b.name, b.checksum, b.proved_at
      from shards s
      join blobs b on b.account = s.account and b.id = s.blob and b.state = 'live' and b.fault is null
      join connections k on k.id = b.connection and k.removed_at is null and k.given_up_at is null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop view standing_shards`);
    await runner.query(`drop table moves`);
    await runner.query(`drop sequence upkeep_fence`);
    await runner.query(`alter table shards drop column home`);
    await runner.query(`alter table connections drop column spool, drop column drain_since, drop column given_up_at`);
    await runner.query(`drop index blobs_faulty, blobs_to_prove`);
    await runner.query(`alter table blobs drop column fault, drop column fault_at, drop column proved_at`);
  }
}

/** A shard is moved by one at a time: the key says so. The fence is compared in the statement that swaps the blobs. */
async function createMoves(runner: QueryRunner): Promise<void> {
  await runner.query(`create sequence upkeep_fence`);
  await runner.query(`
    create table moves (
      account uuid not null,
      content uuid not null,
      chunk integer not null,
      shard smallint not null,
      from_blob uuid,
      to_blob uuid not null,
      why text not null check (why in ('repair', 'drain', 'rebalance', 'homecoming', 're-spread')),
      fence bigint not null,
      lease_until timestamptz not null,
      began_at timestamptz not null default now(),
      primary key (account, content, chunk, shard),
      foreign key (account, to_blob) references blobs
    )`);
  await runner.query(`create index moves_by_blob on moves (account, to_blob)`);
  await runner.query(`create index moves_by_lease on moves (lease_until)`);
}
