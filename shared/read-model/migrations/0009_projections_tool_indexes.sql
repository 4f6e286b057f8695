-- What is asked for by these and is rare would otherwise be looked for in every row of the range.
create index requests_model on requests (model, at, request_id);
create index requests_not_completed on requests (state, at, request_id) where state in ('refused', 'failed', 'interrupted');
create index auth_events_fact on auth_events (fact, at, event_id);
create index auth_events_address on auth_events (address, at, event_id) where address is not null;
create index throttles_user on throttles (user_id, imposed_at, id);
create index incidents_open on incidents (opened_at, id) where state <> 'closed';
