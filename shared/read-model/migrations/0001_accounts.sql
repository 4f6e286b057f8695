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
