import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * The tree. Each account's root folder has the account's own id and no parent. `name_key` is the
 * NFC form that lookups compare; `name` keeps the first spelling and orders by bytes. What is in
 * the trash keeps its place, so that a restore puts it back; its name is free for others meanwhile. Accounts are never
 * deleted from their table, and a foreign key to them would make each new file lock the one row that all share.
 */
export class CreateFiles1763712000008 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table nodes (
        account uuid not null,
        id uuid not null,
        parent uuid,
        kind text not null check (kind in ('folder', 'file')),
        name text collate "C" not null check (octet_length(name) <= 255),
        name_key text collate "C" not null,
        head uuid,
        trashed_at timestamptz,
        trashed_path text,
        created_at timestamptz not null default now(),
        modified_at timestamptz not null default now(),
        primary key (account, id),
        foreign key (account, parent) references nodes (account, id),
        check ((parent is null) = (id = account)),
        check (parent is not null or (kind = 'folder' and trashed_at is null)),
        check (parent is null or (name <> '' and name not in ('.', '..') and position('/' in name) = 0)),
        check ((kind = 'file') = (head is not null))
      ) partition by hash (account)`);
    await createPartitions(runner, 'nodes');
    await runner.query(
      `create unique index nodes_one_name on nodes (account, parent, name_key) where trashed_at is null`,
    );
    // Serves listings, and the look for children when a folder is deleted for good; that is why it holds the trash too.
    await runner.query(`create index nodes_listing on nodes (account, parent, name)`);
    await runner.query(`create index nodes_trash on nodes (account, trashed_at, id) where trashed_at is not null`);
    await runner.query(`
      create table versions (
        account uuid not null,
        id uuid not null,
        file uuid not null,
        number integer not null check (number > 0),
        content uuid not null,
        size bigint not null check (size >= 0),
        content_type text not null check (octet_length(content_type) <= 255),
        modified_at timestamptz not null,
        created_at timestamptz not null,
        account_key uuid not null,
        mac bytea not null check (octet_length(mac) = 32),
        sealed_sha256 bytea not null,
        primary key (account, id),
        unique (account, file, number),
        foreign key (account, file) references nodes,
        foreign key (account, content) references contents
      ) partition by hash (account)`);
    await createPartitions(runner, 'versions');
    await runner.query(`create index versions_by_content on versions (account, content)`);
    await runner.query(
      `alter table nodes add foreign key (account, head) references versions deferrable initially deferred`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table nodes drop constraint nodes_account_head_fkey`);
    await runner.query(`drop table versions`);
    await runner.query(`drop table nodes`);
  }
}
