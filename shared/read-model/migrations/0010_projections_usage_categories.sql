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
