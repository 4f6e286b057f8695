-- When a session was last used, to the minute: one that nobody uses ends before its time (ASVS 7.3.1).
alter table sessions add column seen_at timestamptz not null default now();
update sessions set seen_at = created_at;

-- Whoever asks whether a session lives may say that it is in use, and may change nothing else of it.
create function session_seen(session text, at timestamptz) returns void
  language sql security definer set search_path = public as $$
    update sessions set seen_at = at where id = session and seen_at < at
  $$;
