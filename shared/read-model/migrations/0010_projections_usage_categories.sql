-- Usage in categories: what was written to prompt caches, reasoning, audio, images and calls of vendors' tools; and the model
-- that answered. Settlements of before tell none of these: their rows have null in requests, and 0 in the sums.

alter table requests
  -- As the answer names it; model is the one that was asked for.
  add column answered_model text,
  -- Parts of prompt_tokens, as cached_tokens is.
  add column cache_write_5m_tokens bigint,
  add column cache_write_1h_tokens bigint,
  -- Part of completion_tokens.
  add column reasoning_tokens bigint,
  add column audio_input_tokens bigint,
  add column audio_output_tokens bigint,
  -- Generated.
  add column images bigint,
  add column tool_calls bigint;

alter table request_totals
  add column cache_write_5m_tokens bigint not null default 0,
  add column cache_write_1h_tokens bigint not null default 0,
  add column reasoning_tokens bigint not null default 0,
  add column audio_input_tokens bigint not null default 0,
  add column audio_output_tokens bigint not null default 0,
  add column images bigint not null default 0,
  add column tool_calls bigint not null default 0;
alter table usage_minutes
  add column cache_write_5m_tokens bigint not null default 0,
  add column cache_write_1h_tokens bigint not null default 0,
  add column reasoning_tokens bigint not null default 0,
  add column audio_input_tokens bigint not null default 0,
  add column audio_output_tokens bigint not null default 0,
  add column images bigint not null default 0,
  add column tool_calls bigint not null default 0;
alter table usage_hours
  add column cache_write_5m_tokens bigint not null default 0,
  add column cache_write_1h_tokens bigint not null default 0,
  add column reasoning_tokens bigint not null default 0,
  add column audio_input_tokens bigint not null default 0,
  add column audio_output_tokens bigint not null default 0,
  add column images bigint not null default 0,
  add column tool_calls bigint not null default 0;
alter table usage_days
  add column cache_write_5m_tokens bigint not null default 0,
  add column cache_write_1h_tokens bigint not null default 0,
  add column reasoning_tokens bigint not null default 0,
  add column audio_input_tokens bigint not null default 0,
  add column audio_output_tokens bigint not null default 0,
  add column images bigint not null default 0,
  add column tool_calls bigint not null default 0;

-- The fold with these columns; that of before keeps its own types, so that both can run while a new version is rolled out.
create type request_row_2 as (
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
  answered_model text,
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
  cache_write_5m_tokens bigint,
  cache_write_1h_tokens bigint,
  reasoning_tokens bigint,
  audio_input_tokens bigint,
  audio_output_tokens bigint,
  images bigint,
  tool_calls bigint,
  cost_micros bigint,
  token_source text,
  settled_at timestamptz,
  decided_sequence bigint,
  ended_sequence bigint,
  settled_sequence bigint
);
create type usage_row_2 as (
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
  cache_write_5m_tokens bigint,
  cache_write_1h_tokens bigint,
  reasoning_tokens bigint,
  audio_input_tokens bigint,
  audio_output_tokens bigint,
  images bigint,
  tool_calls bigint,
  cost_micros bigint,
  duration_ms_sum bigint,
  first_byte_ms_sum bigint,
  first_byte_count bigint,
  bytes bigint
);
