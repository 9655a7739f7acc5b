import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/** What programs note down about a file or folder in words of their own (WebDAV's dead properties): kept, and not understood. */
export class CreateNodeProperties1763712000020 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table node_properties (
        account uuid not null,
        node uuid not null,
        namespace text collate "C" not null check (octet_length(namespace) <= 1024),
        name text collate "C" not null check (octet_length(name) between 1 and 255),
        value text not null check (octet_length(value) <= 65536),
        primary key (account, node, namespace, name),
        foreign key (account, node) references nodes on delete cascade
      ) partition by hash (account)`);
    await createPartitions(runner, 'node_properties');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table node_properties`);
  }
}
