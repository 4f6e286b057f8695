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
