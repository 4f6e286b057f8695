/** What goes wrong, and after how many tokens of the answer. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: 'reset' | 'end' | 'hang' | 'error' | 'garbage'; readonly afterTokens: number }

/** How one request is answered. */
export interface Behaviour {
  /** Time to the first token. */
  readonly latencyMs: number
  /** 0: as fast as the client reads. */
  readonly tokensPerSecond: number
  /** Length of an answer that no limit cuts. */
  readonly answerTokens: number
  /** Some servers tell no usage in chat completions, whatever is asked. */
  readonly reportsUsage: boolean
  readonly fault: Fault | undefined
}

export type ParsedBehaviour = { ok: true; value: Behaviour } | { ok: false; reason: string }

const TOKEN_FAULTS = ['reset', 'end', 'hang', 'error', 'garbage'] as const

/**
 * Directives of one request, from the header `x-simulator` or behind `#` in the model's name:
 * `latency=500;rate=50;tokens=200;usage=off;fail=status:503`. `fail` is one of `status:<code>[:<retry-after seconds>]`, `reset`,
 * `reset-after:<tokens>`, `end-after:<tokens>` (a clean end without the final frame), `hang`, `hang-after:<tokens>`,
 * `error-after:<tokens>` (an error frame), `garbage`, `garbage-after:<tokens>` (bytes that do not parse).
 */
export function parseDirectives(text: string, defaults: Behaviour): ParsedBehaviour {
  let value = defaults
  for (const part of text.split(/[;,]/).map(p => p.trim())) {
    if (part === '') continue
    const [name = '', setting = ''] = part.split('=', 2)
    const next = applied(value, name.trim(), setting.trim())
    if (!next) return { ok: false, reason: `simulator directive ${JSON.stringify(part)} is not understood` }
    value = next
  }
  return { ok: true, value }
}

function applied(behaviour: Behaviour, name: string, setting: string): Behaviour | undefined {
  if (name === 'fail') {
    const fault = parseFault(setting)
    return fault && { ...behaviour, fault }
  }
  if (name === 'usage') return setting === 'off' ? { ...behaviour, reportsUsage: false } : undefined
  const number = Number(setting)
  if (setting === '' || !Number.isFinite(number) || number < 0) return undefined
  if (name === 'latency') return { ...behaviour, latencyMs: number }
  if (name === 'rate') return { ...behaviour, tokensPerSecond: number }
  if (name === 'tokens') return { ...behaviour, answerTokens: Math.max(1, Math.floor(number)) }
  return undefined
}

function parseFault(text: string): Fault | undefined {
  const status = /^status:([1-5]\d\d)(?::(\d+))?$/.exec(text)
  if (status) {
    return {
      kind: 'status',
      status: Number(status[1]),
      retryAfterSeconds: status[2] === undefined ? undefined : Number(status[2]),
    }
  }
  const after = /^([a-z]+)(?:-after:(\d+))?$/.exec(text)
  const kind = TOKEN_FAULTS.find(known => known === after?.[1])
  return kind && { kind, afterTokens: Number(after?.[2] ?? 0) }
}
