-- What each service may do, held by Postgres itself. Run by the owner of the tables after `migrate`, as often as liked:
--   psql "$DATABASE_URL" -f infra/postgres/roles.sql
-- The roles cannot log in; give each service a user of its own:
--   create user projection password '…' in role fluxgate_projection;
-- A rebuild makes tables, so it runs as the owner; it hands these grants on.

do $$
declare
  name text;
begin
  foreach name in array array['fluxgate_gateway', 'fluxgate_projection', 'fluxgate_reader'] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I nologin', name);
    end if;
  end loop;
end $$;

revoke all on all tables in schema public from fluxgate_gateway, fluxgate_projection, fluxgate_reader;
grant usage on schema public to fluxgate_gateway, fluxgate_projection, fluxgate_reader;

-- Accounts belong to the gateway.
grant select, insert, update, delete on users, api_keys, sessions to fluxgate_gateway;

-- Projections belong to the projection, and everybody reads them.
grant select, insert, update, delete
  on projection_checkpoints, requests, request_totals, usage_minutes, auth_events, throttles, incidents
  to fluxgate_projection;
grant select
  on projection_checkpoints, requests, request_totals, usage_minutes, auth_events, throttles, incidents
  to fluxgate_reader, fluxgate_gateway;

-- The dashboard and the MCP server check sessions and name users, and never see a hash.
grant select on sessions to fluxgate_reader;
grant select (id, email, role, tier, created_at, disabled_at) on users to fluxgate_reader;
grant select (id, user_id, prefix, last4, name, created_at, expires_at, revoked_at, last_used_at)
  on api_keys to fluxgate_reader;
