-- Made from shared/read-model/migrations by `npm run db:init-sql`; do not edit.

begin;

-- 0001_accounts
-- Accounts: written by the gateway; the only tables that are not folded from the log.

create table users (
  id text primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  -- Absent for users that an operator made by id alone; such a user cannot log in.
  email text,
  password_hash text,
  role text not null default 'developer' check (role in ('developer', 'operator')),
  tier text not null default 'free' check (tier in ('free', 'pro')),
  created_at timestamptz not null,
  disabled_at timestamptz
);
create unique index users_email on users (lower(email));

create table api_keys (
  id text primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  user_id text not null references users (id) on delete cascade,
  -- SHA-256 of the whole key; the key itself is shown once and stored nowhere.
  hash bytea not null unique check (octet_length(hash) = 32),
  prefix text not null,
  last4 text not null,
  name text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index api_keys_user on api_keys (user_id);

create table sessions (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  address text not null,
  agent text not null
);
create index sessions_user on sessions (user_id);

-- 0002_projections
-- Projections: folds of the log, written by the projection service alone. Each can be dropped and folded again.
-- Times are the events' own, to the millisecond; sequences are positions in the JetStream stream of the same name.

create table projection_checkpoints (
  projection text not null,
  version integer not null,
  stream text not null,
  sequence bigint not null check (sequence >= 0),
  event_time timestamptz,
  updated_at timestamptz not null,
  primary key (projection, version, stream)
);

-- One row per request, made by whichever stream tells of it first. A request has at most one decision (admitted or
-- refused), one ending and one settlement; the first of each in the log counts, and its sequence says that it is there.
create table requests (
  request_id text primary key,
  user_id text not null,
  key_id text not null,
  state text not null check (state in ('admitted', 'refused', 'completed', 'failed', 'interrupted')),
  -- Time of the decision; until that is known, of the first fact.
  at timestamptz not null,
  tier text,
  dialect text,
  method text,
  path text,
  model text,
  upstream text,
  stream boolean,
  address text,
  agent text,
  -- CloudEvents source of the decision: /gateway/<node>/<boot>.
  source text,
  status integer,
  -- Why it was refused, the failure's code, or who interrupted.
  reason text,
  -- The failure's phase and message.
  phase text,
  message text,
  retry_after_ms double precision,
  ended_at timestamptz,
  duration_ms double precision,
  first_byte_ms double precision,
  bytes bigint,
  prompt_chars bigint,
  prompt_estimate bigint,
  reserved bigint,
  -- Progress until the settlement, the true count from then on.
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens bigint,
  -- reported, counted or estimated; absent until settled.
  token_source text,
  settled_at timestamptz,
  decided_sequence bigint,
  ended_sequence bigint,
  settled_sequence bigint
);
create index requests_at on requests (at, request_id);
create index requests_user on requests (user_id, at, request_id);
create index requests_in_flight on requests (at, request_id) where state = 'admitted';

-- Sums over all requests since the beginning, kept when old requests are pruned: admitted = completed + failed +
-- interrupted + in flight. `repeated` counts facts that were told again and not counted again.
create table request_totals (
  id integer primary key check (id = 1),
  admitted bigint not null,
  refused bigint not null,
  completed bigint not null,
  failed bigint not null,
  interrupted bigint not null,
  settled bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  total_tokens bigint not null,
  repeated bigint not null
);
insert into request_totals values (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- Each fact counts in the minute of its own time. Facts before the upstream is chosen have upstream ''.
create table usage_minutes (
  minute timestamptz not null,
  user_id text not null,
  key_id text not null,
  model text not null,
  upstream text not null,
  admitted bigint not null,
  refused bigint not null,
  completed bigint not null,
  failed bigint not null,
  interrupted bigint not null,
  settled bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  total_tokens bigint not null,
  -- Whole milliseconds, so that the sum does not depend on the order.
  duration_ms_sum bigint not null,
  first_byte_ms_sum bigint not null,
  first_byte_count bigint not null,
  bytes bigint not null,
  primary key (minute, user_id, key_id, model, upstream)
);
create index usage_minutes_user on usage_minutes (user_id, minute);

create table auth_events (
  event_id text primary key,
  sequence bigint not null,
  at timestamptz not null,
  fact text not null,
  user_id text not null,
  key_id text not null,
  actor text,
  address text,
  account text,
  reason text,
  -- What is left of the event's data.
  detail jsonb not null
);
create index auth_events_at on auth_events (at, event_id);
create index auth_events_user on auth_events (user_id, at, event_id);

-- One row per imposed throttle; an identity has at most one active one, which a newer one replaces.
create table throttles (
  -- Event id of throttles.imposed.
  id text primary key,
  user_id text not null,
  key_id text not null,
  state text not null check (state in ('active', 'replaced', 'pardoned', 'expired')),
  capacity double precision not null,
  refill_rate double precision not null,
  rule text not null,
  reason text not null,
  actor text not null,
  incident_id text,
  imposed_at timestamptz not null,
  until timestamptz not null,
  ended_at timestamptz,
  ended_by text,
  end_reason text,
  sequence bigint not null
);
create unique index throttles_active on throttles (user_id, key_id) where state = 'active';
create index throttles_imposed on throttles (imposed_at, id);

create table incidents (
  id text primary key,
  user_id text not null,
  key_id text not null,
  rule text not null,
  severity text not null,
  state text not null check (state in ('opened', 'reported', 'acknowledged', 'closed')),
  explanation text not null,
  numbers jsonb not null,
  evidence jsonb not null,
  action text not null check (action in ('observed', 'throttled')),
  until timestamptz,
  opened_at timestamptz not null,
  sequence bigint not null,
  report jsonb,
  -- facts or model; a model's report supersedes the one from the facts.
  report_source text,
  report_model text,
  reported_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  note text,
  closed_at timestamptz,
  closed_by text,
  close_reason text
);
create index incidents_opened on incidents (opened_at, id);
create index incidents_state on incidents (state, opened_at, id);
create index incidents_user on incidents (user_id, opened_at);

-- 0003_tiers
-- Tiers are data of the limits policy: any name of the contract's form.
alter table users drop constraint users_tier_check;
alter table users add constraint users_tier_check check (tier ~ '^[a-z][a-z0-9_-]{0,31}$');

-- 0004_projections_rollups
-- Rollups by minute, hour and day, with cost and cached tokens; latencies as histograms; requests partitioned by day.

alter table requests
  add column attempts integer,
  -- Which limit said no: tokens, requests, streams, throttle or budget:<name>.
  add column refused_by text,
  add column cached_tokens bigint,
  -- Millionths of a US dollar by the price list in force at the settlement; absent for a model without a price.
  add column cost_micros bigint;

alter table request_totals
  add column cached_tokens bigint not null default 0,
  add column cost_micros bigint not null default 0;

-- Counts only grow: room in each page lets Postgres change a row in place, without new index entries.
alter table usage_minutes
  add column cached_tokens bigint not null default 0,
  add column cost_micros bigint not null default 0,
  set (fillfactor = 50);
create table usage_hours (like usage_minutes including defaults including storage);
alter table usage_hours rename column minute to hour;
alter table usage_hours set (fillfactor = 50), add primary key (hour, user_id, key_id, model, upstream);
create index usage_hours_user on usage_hours (user_id, hour);
create table usage_days (like usage_minutes including defaults including storage);
alter table usage_days rename column minute to day;
alter table usage_days set (fillfactor = 50), add primary key (day, user_id, key_id, model, upstream);
create index usage_days_user on usage_days (user_id, day);

insert into usage_hours
  select date_trunc('hour', minute, 'UTC'), user_id, key_id, model, upstream, sum(admitted), sum(refused),
    sum(completed), sum(failed), sum(interrupted), sum(settled), sum(prompt_tokens), sum(completion_tokens),
    sum(total_tokens), sum(duration_ms_sum), sum(first_byte_ms_sum), sum(first_byte_count), sum(bytes), 0, 0
  from usage_minutes group by 1, 2, 3, 4, 5;
insert into usage_days
  select date_trunc('day', hour, 'UTC'), user_id, key_id, model, upstream, sum(admitted), sum(refused),
    sum(completed), sum(failed), sum(interrupted), sum(settled), sum(prompt_tokens), sum(completion_tokens),
    sum(total_tokens), sum(duration_ms_sum), sum(first_byte_ms_sum), sum(first_byte_count), sum(bytes), 0, 0
  from usage_hours group by 1, 2, 3, 4, 5;

-- How many endings took how long: bucket b holds 2^((b-1)/8) < milliseconds <= 2^(b/8), bucket 0 all up to 1 ms. Sums of
-- buckets are the histogram of the whole; a percentile out of it errs by 2^(1/16) - 1 = 4.4 % at most.
create table latency_minutes (
  minute timestamptz not null,
  model text not null,
  upstream text not null,
  measure text not null check (measure in ('duration', 'first_byte')),
  bucket smallint not null,
  count bigint not null,
  primary key (minute, model, upstream, measure, bucket)
) with (fillfactor = 50);
create table latency_hours (
  hour timestamptz not null,
  model text not null,
  upstream text not null,
  measure text not null check (measure in ('duration', 'first_byte')),
  bucket smallint not null,
  count bigint not null,
  primary key (hour, model, upstream, measure, bucket)
) with (fillfactor = 50);
create table latency_days (
  day timestamptz not null,
  model text not null,
  upstream text not null,
  measure text not null check (measure in ('duration', 'first_byte')),
  bucket smallint not null,
  count bigint not null,
  primary key (day, model, upstream, measure, bucket)
) with (fillfactor = 50);

insert into latency_minutes
  select date_trunc('minute', ended_at, 'UTC'), coalesce(model, ''), coalesce(upstream, ''), measure,
    case when ms <= 1 then 0 else ceil(8 * log(2, ms::numeric)) end, count(*)
  from requests, lateral (values ('duration', duration_ms), ('first_byte', first_byte_ms)) as took (measure, ms)
  where ended_at is not null and ms is not null group by 1, 2, 3, 4, 5;
insert into latency_hours
  select date_trunc('hour', minute, 'UTC'), model, upstream, measure, bucket, sum(count)
  from latency_minutes group by 1, 2, 3, 4, 5;
insert into latency_days
  select date_trunc('day', hour, 'UTC'), model, upstream, measure, bucket, sum(count)
  from latency_hours group by 1, 2, 3, 4, 5;

-- The ULID in a request's id tells its day, so that ranges of ids are days: one primary key finds a request in its
-- partition alone. Ids of other forms, and of days without a partition, are in the default one.
alter table requests alter column request_id type text collate "C";
alter table requests rename to requests_default;
alter table requests_default rename constraint requests_pkey to requests_default_pkey;
alter index requests_at rename to requests_default_at;
alter index requests_user rename to requests_default_user;
alter index requests_in_flight rename to requests_default_in_flight;
create table requests (like requests_default including defaults including constraints)
  partition by range (request_id);
alter table requests add primary key (request_id);
create index requests_at on requests (at, request_id);
create index requests_user on requests (user_id, at, request_id);
create index requests_in_flight on requests (at, request_id) where state = 'admitted';
alter table requests attach partition requests_default default;

-- How far the streams went when the projection last asked: with the checkpoints, the lag of every read.
create table projection_heads (
  stream text primary key,
  sequence bigint not null,
  seen_at timestamptz not null
);

-- Budgets whose warning level or limit was passed.
create table budget_crossings (
  event_id text primary key,
  sequence bigint not null,
  at timestamptz not null,
  user_id text not null,
  key_id text not null,
  request_id text not null,
  budget text not null,
  each text not null,
  holder text not null,
  period text not null,
  period_start timestamptz not null,
  level text not null check (level in ('soft', 'hard')),
  unit text not null,
  limit_amount double precision not null,
  used_amount double precision not null
);
create index budget_crossings_at on budget_crossings (at, event_id);

-- Streams that ran when it was imposed were ended too.
alter table throttles add column end_streams boolean not null default false;

alter table incidents
  -- The incident that grew by this finding.
  add column joined_into text,
  -- Findings that it holds, itself among them.
  add column findings integer not null default 1;

-- 0005_projection_tools
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

-- 0006_roles
-- What each service may do, held by Postgres itself. The roles cannot log in; each service gets a user of its own:
--   create user projection password '…' in role fluxgate_projection;
-- Roles belong to the whole server. Where the user that migrates may not make them, an administrator makes them
-- (`create role fluxgate_gateway nologin` and so on), and the tables' owner runs `select grant_service_roles();`.
-- Migrations and rebuilds make tables, so they run as the owner; a rebuild hands these grants on.

create function grant_service_roles() returns void language plpgsql as $$
declare
  service text;
  statement text;
  folds constant text := 'projection_checkpoints, projection_heads, requests, requests_default, request_totals, '
    || 'usage_minutes, usage_hours, usage_days, latency_minutes, latency_hours, latency_days, auth_events, '
    || 'budget_crossings, throttles, incidents';
begin
  foreach service in array array['gateway', 'projection', 'mcp', 'dashboard', 'forensics'] loop
    begin
      if to_regrole('fluxgate_' || service) is null then
        execute format('create role %I nologin', 'fluxgate_' || service);
      end if;
    exception
      -- Another database of this server made it at the same moment.
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then
        raise warning 'may not make role fluxgate_%: its grants are left out', service;
        continue;
    end;
    execute format('revoke all on all tables in schema public from %I', 'fluxgate_' || service);
    execute format('grant usage on schema public to %I', 'fluxgate_' || service);
    foreach statement in array case service
      -- Accounts belong to the gateway.
      when 'gateway' then array['select, insert, update, delete on users, api_keys, sessions']
      -- Projections belong to the projection; partitions come and go by these two functions alone.
      when 'projection' then array[
        'select, insert, update, delete on ' || folds,
        'execute on function request_day_add, request_days_drop']
      when 'forensics' then array['select on ' || folds]
      -- Both check sessions and name users; neither ever sees a hash, and only the dashboard names keys.
      when 'mcp' then array[
        'select on ' || folds,
        'select on sessions',
        'select (id, email, role, tier, created_at, disabled_at) on users']
      else array[
        'select on ' || folds,
        'select on sessions',
        'select (id, email, role, tier, created_at, disabled_at) on users',
        'select (id, user_id, prefix, last4, name, created_at, expires_at, revoked_at, last_used_at) on api_keys']
    end loop
      execute format('grant %s to %I', statement, 'fluxgate_' || service);
    end loop;
  end loop;
end $$;
revoke execute on function grant_service_roles from public;

select grant_service_roles();

-- 0007_session_idle
-- When a session was last used, to the minute: one that nobody uses ends before its time (ASVS 7.3.1).
alter table sessions add column seen_at timestamptz not null default now();
update sessions set seen_at = created_at;

-- Whoever asks whether a session lives may say that it is in use, and may change nothing else of it.
create function session_seen(session text, at timestamptz) returns void
  language sql security definer set search_path = public as $$
    update sessions set seen_at = at where id = session and seen_at < at
  $$;

-- What the migrator knows
create table kysely_migration (
  name varchar(255) not null primary key,
  timestamp varchar(255) not null
);
create table kysely_migration_lock (
  id varchar(255) not null primary key,
  is_locked integer not null default 0
);
insert into kysely_migration_lock (id, is_locked) values ('migration_lock', 0);

insert into kysely_migration (name, timestamp) values
  ('0001_accounts', '2026-01-01T00:00:00.000Z'),
  ('0002_projections', '2026-01-01T00:00:00.000Z'),
  ('0003_tiers', '2026-01-01T00:00:00.000Z'),
  ('0004_projections_rollups', '2026-01-01T00:00:00.000Z'),
  ('0005_projection_tools', '2026-01-01T00:00:00.000Z'),
  ('0006_roles', '2026-01-01T00:00:00.000Z'),
  ('0007_session_idle', '2026-01-01T00:00:00.000Z');

commit;
