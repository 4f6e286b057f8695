-- One-time invitations to register, and the ids of users who were erased.

create table invitations (
  id text primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
  -- SHA-256 of the token; the token itself is in the link and stored nowhere.
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  -- The only address that may register with it; emptied when the invitation has ended.
  email text,
  role text not null check (role in ('developer', 'operator')),
  tier text not null check (tier ~ '^[a-z][a-z0-9_-]{0,31}$'),
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by text,
  revoked_at timestamptz
);
create index invitations_created on invitations (created_at);

-- The id of an erased user stays in the log and in the tables made from it, so that it can never be another person's.
create table erased_users (
  id text primary key,
  erased_at timestamptz not null
);

-- As in 0006, with the two tables.
create or replace function grant_service_roles() returns void language plpgsql as $$
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
      when 'gateway' then array['select, insert, update, delete on users, api_keys, sessions, invitations, erased_users']
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

select grant_service_roles();
