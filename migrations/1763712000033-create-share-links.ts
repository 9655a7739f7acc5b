import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Links that give strangers a file or a folder. Of the token only its hash is kept: a dump of this table opens no link. */
export class CreateShareLinks1763712000033 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table share_links (
        account uuid not null,
        id uuid not null,
        node uuid not null,
        token_hash bytea not null unique check (octet_length(token_hash) = 32),
        password_hash text,
        expires_at timestamptz,
        most_downloads integer check (most_downloads > 0),
        downloads integer not null default 0 check (downloads >= 0 and (most_downloads is null or downloads <= most_downloads)),
        last_download_at timestamptz,
        created_at timestamptz not null default now(),
        revoked_at timestamptz,
        primary key (account, id),
        foreign key (account, node) references nodes on delete cascade
      )`);
    await runner.query(`create index share_links_by_node on share_links (account, node)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table share_links`);
  }
}
