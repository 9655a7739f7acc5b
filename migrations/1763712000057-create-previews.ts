import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * Small pictures of contents. Each is a content of its own that no version holds; its row hangs on the content that it
 * shows, not on a version or a name, so that copies share it, and it goes when that content goes.
 */
export class CreatePreviews1763712000057 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table previews (
        account uuid not null,
        source uuid not null,
        side smallint not null check (side > 0),
        content uuid not null,
        size integer not null check (size > 0),
        account_key uuid not null,
        mac bytea not null check (octet_length(mac) = 32),
        sealed_sha256 bytea not null,
        created_at timestamptz not null default now(),
        primary key (account, source, side),
        foreign key (account, source) references contents on delete cascade,
        foreign key (account, content) references contents on delete cascade
      ) partition by hash (account)`);
    await createPartitions(runner, 'previews');
    await runner.query(`create index previews_by_content on previews (account, content)`);
  }

  /** What hangs on no version any more is not found by anything else; it is erased as versions' contents are. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      update blobs b set state = 'condemned', condemned_at = now() from previews p, shards s
      where s.account = p.account and s.content = p.content and b.account = s.account and b.id = s.blob
        and b.state in ('intended', 'live')`);
    await runner.query(`
      update contents c set state = 'erased', wrapped_key = null, ended_at = now() from previews p
      where c.account = p.account and c.id = p.content and c.state = 'published'`);
    await runner.query(`drop table previews`);
  }
}
