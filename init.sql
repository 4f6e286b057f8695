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
  ('0003_tiers', '2026-01-01T00:00:00.000Z');

commit;
