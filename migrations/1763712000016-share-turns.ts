import type { MigrationInterface, QueryRunner } from 'typeorm';

const turn = `
create function ephemeral_turn(turnstile text, ask jsonb, ttl_ms double precision) returns jsonb
language plpgsql as $$
declare
  me constant text := ask ->> 'holder';
  held constant double precision := ask ->> 'held';
  wants constant boolean := ask ->> 'wants';
  kept jsonb;
  lapses timestamptz;
  at double precision;
  mine jsonb;
  holders jsonb := '{}';
  flows jsonb;
  paused double precision;
  load double precision;
  most double precision;
  since double precision;
  sharing integer := 1;
  share double precision;
  taken double precision := 0;
  hungry integer := 0;
  older integer := 0;
  wait double precision := 0;
  behind double precision;
  through boolean := false;
  one record;
begin
  insert into ephemeral_turnstiles as t values (turnstile, '{}', clock_timestamp()) on conflict do nothing;
  select t.state, t.expires_at into kept, lapses from ephemeral_turnstiles t where t.name = turnstile for update;
  if lapses <= clock_timestamp() then kept := '{}'; end if;
  at := extract(epoch from clock_timestamp()) * 1000;
  for one in select h.key, h.value from jsonb_each(kept -> 'holders') h loop
    if one.key = me then
      mine := case when (one.value ->> 'until')::double precision > at then one.value end;
    elsif (one.value ->> 'until')::double precision > at then
      holders := holders || jsonb_build_object(one.key, one.value);
      taken := taken + (one.value ->> 'held')::double precision;
      if (one.value ->> 'held')::double precision > 0 or one.value ? 'since' then sharing := sharing + 1; end if;
    end if;
  end loop;
  paused := coalesce((kept ->> 'pausedUntil')::double precision, 0);
  if (ask ->> 'pauseMs')::double precision > 0 then
    paused := greatest(paused, at + (ask ->> 'pauseMs')::double precision);
  end if;
  if ask ? 'said' then kept := kept || jsonb_build_object('most', ask #> '{said,most}', 'note', ask #> '{said,note}'); end if;
  flows := coalesce(kept -> 'flows', '{}');
  load := coalesce((kept ->> 'load')::double precision, 0)
    * exp(greatest(-700, least(0, coalesce((kept ->> 'loadAt')::double precision, at) - at) / 1000));
  since := coalesce((mine ->> 'since')::double precision, at);
  if wants and paused > at then
    wait := paused - at;
  elsif wants then
    most := least((ask ->> 'most')::double precision, (kept ->> 'most')::double precision);
    share := greatest(1, floor(most / sharing));
    select count(*), count(*) filter (where (h.value ->> 'since')::double precision < since) into hungry, older
      from jsonb_each(holders) h where h.value ? 'since' and (h.value ->> 'held')::double precision < share;
    if not (most - held - taken > older and (held < share or hungry = 0)) then wait := 50; end if;
    for one in select f.value from jsonb_array_elements(ask -> 'flows') f loop
      behind := coalesce((flows ->> (one.value ->> 'name'))::double precision, at)
        - (one.value ->> 'burstMs')::double precision - at;
      if behind > 0 then wait := greatest(wait, behind + older * (one.value ->> 'costMs')::double precision); end if;
    end loop;
    through := wait <= 0;
  end if;
  if through then
    load := load + 1;
    for one in select f.value from jsonb_array_elements(ask -> 'flows') f loop
      flows := flows || jsonb_build_object(one.value ->> 'name',
        greatest(coalesce((flows ->> (one.value ->> 'name'))::double precision, at), at)
          + (one.value ->> 'costMs')::double precision);
    end loop;
  end if;
  holders := holders || jsonb_build_object(me, jsonb_build_object(
    'held', held + through::integer,
    'until', at + case when held + through::integer > 0 then 30000 when wants and not through and paused <= at then wait + 1000 else 5000 end
  ) || case when wants and not through and paused <= at then jsonb_build_object('since', since) else '{}' end);
  update ephemeral_turnstiles t set expires_at = clock_timestamp() + make_interval(secs => ttl_ms / 1000),
    state = jsonb_build_object('holders', holders, 'flows', flows, 'pausedUntil', paused, 'load', load, 'loadAt', at)
      || case when kept -> 'most' <> 'null' then jsonb_build_object('most', kept -> 'most') else '{}' end
      || case when kept ? 'note' then jsonb_build_object('note', kept -> 'note') else '{}' end
    where t.name = turnstile;
  return jsonb_build_object('through', through, 'waitMs', wait, 'pauseMs', greatest(0, paused - at),
    'others', (select count(*) - 1 from jsonb_object_keys(holders)), 'load', load, 'note', kept -> 'note');
end $$`;

/** Turns on what bears only so much, counted over all gateways in one question: the same steps as in Redis' script. Not logged: it may vanish. */
export class ShareTurns1763712000016 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create unlogged table ephemeral_turnstiles (
        name text primary key check (octet_length(name) <= 512),
        state jsonb not null,
        expires_at timestamptz not null
      )`);
    await runner.query(`create index ephemeral_turnstiles_by_expiry on ephemeral_turnstiles (expires_at)`);
    await runner.query(turn);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function ephemeral_turn(text, jsonb, double precision)`);
    await runner.query(`drop table ephemeral_turnstiles`);
  }
}
