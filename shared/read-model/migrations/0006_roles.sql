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
