-- Partitions of requests, made and dropped by the projection, which owns no tables: these two functions run as their
-- owner and do nothing else. `place` is the schema of the live tables or of a rebuild.

-- First id of a day: `req_` and the ten characters of a ULID that are its time.
create function request_day_begins(day date) returns text
language sql immutable set search_path = pg_catalog, pg_temp
return 'req_' || (
  select string_agg(
    substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ',
      ((extract(epoch from day)::bigint * 1000 >> (45 - 5 * i)) & 31)::integer + 1, 1), '' order by i)
  from generate_series(0, 9) as i);

-- Rows of the day that came before its partition move into it. False when the partition is there already.
create function request_day_add(place text, day date) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  name text := 'requests_' || to_char(day, 'YYYYMMDD');
  begins text := public.request_day_begins(day);
  ends text := public.request_day_begins(day + 1);
begin
  if place not in ('public', 'projection_rebuild') then
    raise exception 'no projections are in %', place using errcode = '42501';
  end if;
  perform pg_advisory_xact_lock(hashtext('fluxgate request days'));
  if to_regclass(format('%I.%I', place, name)) is not null then
    return false;
  end if;
  execute format('create table %1$I.%2$I (like %1$I.requests including defaults including constraints)', place, name);
  execute format(
    'with moved as (delete from %1$I.requests_default where request_id >= %3$L and request_id < %4$L returning *)
     insert into %1$I.%2$I select * from moved', place, name, begins, ends);
  execute format(
    'alter table %1$I.requests attach partition %1$I.%2$I for values from (%3$L) to (%4$L)', place, name, begins, ends);
  return true;
end $$;

-- Drops the partitions of the days before this one; returns how many.
create function request_days_drop(place text, before date) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  name text;
  dropped integer := 0;
begin
  if place not in ('public', 'projection_rebuild') then
    raise exception 'no projections are in %', place using errcode = '42501';
  end if;
  for name in
    select child.relname from pg_inherits
    join pg_class as child on child.oid = inhrelid
    where inhparent = to_regclass(format('%I.requests', place))
      and child.relname ~ '^requests_\d{8}$' and child.relname < 'requests_' || to_char(before, 'YYYYMMDD')
  loop
    execute format('drop table %I.%I', place, name);
    dropped := dropped + 1;
  end loop;
  return dropped;
end $$;

revoke execute on function request_day_add, request_days_drop from public;

-- How the projection sends many rows in one parameter: Postgres reads an array of these in half the time that it takes
-- for an array a column. A fold with other columns gets types of other names, so that the one before can still run.
create type request_row as (
  request_id text,
  user_id text,
  key_id text,
  state text,
  at timestamptz,
  tier text,
  dialect text,
  method text,
  path text,
  model text,
  upstream text,
  stream boolean,
  address text,
  agent text,
  source text,
  status integer,
  reason text,
  phase text,
  message text,
  retry_after_ms double precision,
  refused_by text,
  ended_at timestamptz,
  duration_ms double precision,
  first_byte_ms double precision,
  bytes bigint,
  attempts integer,
  prompt_chars bigint,
  prompt_estimate bigint,
  reserved bigint,
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens bigint,
  cached_tokens bigint,
  cost_micros bigint,
  token_source text,
  settled_at timestamptz,
  decided_sequence bigint,
  ended_sequence bigint,
  settled_sequence bigint
);
create type usage_row as (
  minute timestamptz,
  user_id text,
  key_id text,
  model text,
  upstream text,
  admitted bigint,
  refused bigint,
  completed bigint,
  failed bigint,
  interrupted bigint,
  settled bigint,
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens bigint,
  cached_tokens bigint,
  cost_micros bigint,
  duration_ms_sum bigint,
  first_byte_ms_sum bigint,
  first_byte_count bigint,
  bytes bigint
);
