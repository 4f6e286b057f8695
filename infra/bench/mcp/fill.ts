import { type Database, runScript } from '@fluxgate/read-model'

/** What the history is like; the same figures make the same rows. */
export interface History {
  readonly requests: number
  readonly days: number
  readonly identities: number
  /** The history ends then, epoch milliseconds. */
  readonly endMs: number
}

const DAY_MS = 86_400_000
/** Of 1,000 requests: how many incidents, throttles and facts about accounts there are beside them. */
const INCIDENTS = 5
const THROTTLES = 5
const AUTH_EVENTS = 200

/**
 * Puts the rows of a history into the projection's tables as the projection would have made them: requests in partitions
 * by day, rollups and histograms as the sums of these, and what else there is. A few identities make most of the calls, as
 * everywhere; a twentieth of the requests is refused, a hundredth fails.
 */
export async function fillTables(db: Database, history: History): Promise<void> {
  const { requests, days, endMs } = history
  await runScript(
    db,
    `select public.request_day_add('public', day::date) from generate_series(
       '${iso(endMs - days * DAY_MS)}'::timestamptz, '${iso(endMs + DAY_MS)}'::timestamptz, interval '1 day') as day`,
  )
  await runScript(db, 'select setseed(0.5)')
  await runScript(db, requestsSql(history))
  await runScript(db, ROLLUPS)
  await runScript(db, incidentsSql(Math.ceil((requests * INCIDENTS) / 1_000), history))
  await runScript(db, throttlesSql(Math.ceil((requests * THROTTLES) / 1_000), history))
  await runScript(db, authEventsSql(Math.ceil((requests * AUTH_EVENTS) / 1_000), history))
  await runScript(db, 'vacuum analyze')
}

/** Crockford's Base32 of 48 bits: the time of a ULID. */
const ULID_TIME = Array.from(
  { length: 10 },
  (_, i) => `substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((ms >> ${45 - 5 * i}) & 31)::integer + 1, 1)`,
).join(' || ')

function requestsSql({ requests, days, identities, endMs }: History): string {
  return `
    with drawn as materialized (
      select n, ${endMs} - (n::float8 * ${(days * DAY_MS) / requests})::bigint as ms,
        (${identities} * random() ^ 2)::integer as who, random() as fate, random() as r1, random() as r2
      from generate_series(1, ${requests}) as n
    ), told as (
      select *, to_timestamp(ms / 1000.0) as at, 'req_' || ${ULID_TIME} || lpad(n::text, 16, '0') as id,
        case when fate < 0.05 then 'refused' when fate < 0.06 then 'failed' when fate < 0.07 then 'interrupted'
          else 'completed' end as state,
        20 + (r1 * 800)::bigint as prompt, 10 + (r2 * 500)::bigint as completion,
        (array['phi4-mini', 'llama3.2', 'qwen3', 'gpt-4.1-mini', 'claude-sonnet'])[1 + (who + (r1 * 2)::integer) % 5] as model,
        round((50 + r2 * r2 * r2 * 4000)::numeric, 2)::float8 as took
      from drawn
    )
    insert into requests (request_id, user_id, key_id, state, at, tier, dialect, method, path, model, upstream, stream,
      address, agent, source, status, reason, refused_by, ended_at, duration_ms, first_byte_ms, bytes, attempts,
      prompt_chars, prompt_estimate, reserved, prompt_tokens, completion_tokens, total_tokens, cached_tokens, cost_micros,
      token_source, settled_at, decided_sequence)
    select id, 'user_' || who / 2, 'key_' || who, state, at, 'free', 'openai', 'POST', '/v1/chat/completions', model,
      case when state = 'refused' then null else 'http://10.1.0.' || 1 + who % 3 || ':11434' end, n % 2 = 0,
      '10.0.0.' || n % 200, 'openai-python/1.99', '/gateway/node-1/boot-1',
      case state when 'refused' then 429 when 'failed' then 502 when 'interrupted' then 499 else 200 end,
      case state when 'refused' then 'rate_limited' when 'failed' then 'upstream_error' when 'interrupted' then 'client' end,
      case when state = 'refused' then 'tokens' end,
      case when state <> 'refused' then at + took * interval '1 millisecond' end,
      case when state <> 'refused' then took end, case when state <> 'refused' then took / 4 end,
      case when state <> 'refused' then completion * 120 end, 1, prompt * 4, prompt, prompt + 512,
      case when state <> 'refused' then prompt end, case when state <> 'refused' then completion end,
      case when state <> 'refused' then prompt + completion end, case when state <> 'refused' then 0 end,
      case when state <> 'refused' and model ~ 'gpt|claude' then prompt * 2 + completion * 8 end,
      case when state <> 'refused' then 'reported' end,
      case when state <> 'refused' then at + took * interval '1 millisecond' end, 1
    from told`
}

const SUMS = `sum(admitted), sum(refused), sum(completed), sum(failed), sum(interrupted), sum(settled),
  sum(prompt_tokens), sum(completion_tokens), sum(total_tokens), sum(duration_ms_sum), sum(first_byte_ms_sum),
  sum(first_byte_count), sum(bytes), sum(cached_tokens), sum(cost_micros)`

/** As migration 0004 made them of the tables before it. */
const ROLLUPS = `
  insert into usage_minutes (minute, user_id, key_id, model, upstream, admitted, refused, completed, failed, interrupted,
      settled, prompt_tokens, completion_tokens, total_tokens, duration_ms_sum, first_byte_ms_sum, first_byte_count, bytes,
      cached_tokens, cost_micros)
    select date_trunc('minute', at, 'UTC'), user_id, key_id, model, coalesce(upstream, ''),
      count(*) filter (where state <> 'refused'), count(*) filter (where state = 'refused'),
      count(*) filter (where state = 'completed'), count(*) filter (where state = 'failed'),
      count(*) filter (where state = 'interrupted'), count(settled_at), coalesce(sum(prompt_tokens), 0),
      coalesce(sum(completion_tokens), 0), coalesce(sum(total_tokens), 0), coalesce(sum(round(duration_ms)), 0),
      coalesce(sum(round(first_byte_ms)), 0), count(first_byte_ms), coalesce(sum(bytes), 0), 0,
      coalesce(sum(cost_micros), 0)
    from requests group by 1, 2, 3, 4, 5;
  insert into usage_hours
    select date_trunc('hour', minute, 'UTC'), user_id, key_id, model, upstream, ${SUMS} from usage_minutes group by 1, 2, 3, 4, 5;
  insert into usage_days
    select date_trunc('day', hour, 'UTC'), user_id, key_id, model, upstream, ${SUMS} from usage_hours group by 1, 2, 3, 4, 5;
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
  update request_totals set (admitted, refused, completed, failed, interrupted, settled, prompt_tokens, completion_tokens,
      total_tokens, cached_tokens, cost_micros) = (
    select sum(admitted), sum(refused), sum(completed), sum(failed), sum(interrupted), sum(settled), sum(prompt_tokens),
      sum(completion_tokens), sum(total_tokens), sum(cached_tokens), sum(cost_micros) from usage_days)`

const timesOf = (count: number, { days, endMs }: History) =>
  `to_timestamp((${endMs} - n::float8 * ${(days * DAY_MS) / count}) / 1000.0)`

/** All but the newest hundred are closed. */
function incidentsSql(count: number, history: History): string {
  return `
    insert into incidents (id, user_id, key_id, rule, severity, state, explanation, numbers, evidence, action, until,
      opened_at, sequence, report, report_source, reported_at, closed_at, closed_by, close_reason)
    select 'inc_h' || lpad(n::text, 11, '0'), 'user_' || who / 2, 'key_' || who, 'contextFlood', 'high',
      case when n <= 100 then 'reported' else 'closed' end, 'burnt 812 tokens beyond the allowance in 2 s',
      '{"tokens": 812}', '[{"stream": "TOKENS", "sequence": 3}]', 'throttled', at + interval '1 minute', at, n,
      '{"verdict": "abuse", "confidence": 0.9, "summary": "A loop sent the same prompt.", "likelyCause": "a retry loop",
        "recommendedAction": "leave the throttle"}', 'facts', at,
      case when n > 100 then at + interval '1 hour' end, case when n > 100 then 'operator' end,
      case when n > 100 then 'dealt with' end
    from (select n, ${timesOf(count, history)} as at, (${history.identities} * random() ^ 2)::integer as who
      from generate_series(1, ${count}) as n) as drawn`
}

function throttlesSql(count: number, history: History): string {
  return `
    insert into throttles (id, user_id, key_id, state, capacity, refill_rate, rule, reason, actor, incident_id,
      imposed_at, until, ended_at, sequence)
    select 'thr-' || lpad(n::text, 12, '0'), 'user_' || who / 2, 'key_' || who, 'expired', 100, 10, 'contextFlood',
      'too many tokens', 'guard', 'inc_h' || lpad(n::text, 11, '0'), at, at + interval '1 minute',
      at + interval '1 minute', n
    from (select n, ${timesOf(count, history)} as at, (${history.identities} * random() ^ 2)::integer as who
      from generate_series(1, ${count}) as n) as drawn`
}

function authEventsSql(count: number, history: History): string {
  return `
    insert into auth_events (event_id, sequence, at, fact, user_id, key_id, actor, address, account, reason, detail)
    select 'auth-' || lpad(n::text, 12, '0'), n, ${timesOf(count, history)},
      (array['key_accepted', 'key_accepted', 'key_accepted', 'login_succeeded', 'login_failed', 'key_rejected',
        'key_created', 'key_revoked'])[1 + n % 8],
      'user_' || who / 2, 'key_' || who, null, '10.0.0.' || n % 200, null, null, '{"count": 3}'
    from (select n, (${history.identities} * random() ^ 2)::integer as who
      from generate_series(1, ${count}) as n) as drawn`
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
