import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a drain has before it, and what it takes to code stored chunks anew without a key. A chunk says itself how its shards
 * are made where that is not as its content says: so it changes in one transaction of its own, and a large content needs no
 * room for two of itself. Its sealed length cannot be had from its shards, which are padded to a multiple of their number.
 */
export class SpreadAnew1763712000044 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add column drain_blobs integer`);
    await runner.query(`
      alter table chunks add column sealed integer check (sealed > 0), add column data smallint, add column parity smallint,
        add constraint chunks_spread_whole check ((data is null) = (parity is null))`);
    await runner.query(`
      create view chunk_spreads as
      select k.account, k.content, k.index as chunk, coalesce(k.data, c.data) as data, coalesce(k.parity, c.parity) as parity
      from chunks k join contents c on c.account = k.account and c.id = k.content`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop view chunk_spreads`);
    await runner.query(`
      alter table chunks drop constraint chunks_spread_whole, drop column sealed, drop column data, drop column parity`);
    await runner.query(`alter table connections drop column drain_blobs`);
  }
}
