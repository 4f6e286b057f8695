import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { Agent, request } from 'undici'

/** A response that a client saw to its end. */
export interface Seen {
  readonly request: string
  /** As the response told its client. */
  readonly tokens: number
}

export interface LoadOptions {
  readonly origin: string
  /** Keys of the identities; clients take them in turn. */
  readonly keys: readonly string[]
  /** Of each kind: undici with plain calls, the OpenAI client with streams. */
  readonly callers: number
}

export interface LoadFigures {
  readonly requests: number
  readonly complete: number
  /** Between two responses seen complete, by any client. */
  readonly longestGapMs: number
  /** Refusals with 503 and `retry-after`: work that was turned away and not lost. */
  readonly turnedAway: number
  /** 503 without `retry-after`: a client cannot know when to come again. */
  readonly turnedAwayMute: number
}

const MODEL = 'phi4-mini'
const PAUSE_AFTER_FAULT_MS = 25
/** A connection that a frozen process holds is given up after this. */
const CALL_LIMIT_MS = 20_000
const MESSAGES = [{ role: 'user' as const, content: 'Tell me something about the weather.' }]
const ANSWER_TOKENS = 24

/** Clients that call all the time, whether anybody answers or not, and note what they saw to its end. */
export class Load {
  readonly seen: Seen[] = []
  readonly #options: LoadOptions
  readonly #agent = new Agent({ headersTimeout: CALL_LIMIT_MS, bodyTimeout: CALL_LIMIT_MS })
  readonly #running: Promise<void>[]
  #stopped = false
  #requests = 0
  #turnedAway = 0
  #turnedAwayMute = 0
  #lastCompleteMs = performance.now()
  #longestGapMs = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#running = Array.from({ length: 2 * options.callers }, (_, i) => {
      const key = options.keys[i % options.keys.length]!
      return this.#run(i % 2 === 0 ? () => this.#plain(key) : this.#streaming(key))
    })
  }

  /** How many call at the same time. */
  get clients(): number {
    return this.#running.length
  }

  get figures(): LoadFigures {
    return {
      requests: this.#requests,
      complete: this.seen.length,
      longestGapMs: Math.max(this.#longestGapMs, performance.now() - this.#lastCompleteMs),
      turnedAway: this.#turnedAway,
      turnedAwayMute: this.#turnedAwayMute,
    }
  }

  /** Resolves when every client has its last answer; returns what it came to, without the wait for them. */
  async stop(): Promise<LoadFigures> {
    const { longestGapMs } = this.figures
    this.#stopped = true
    await Promise.all(this.#running)
    await this.#agent.destroy()
    return { ...this.figures, longestGapMs }
  }

  async #run(call: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      this.#requests++
      try {
        await call()
      } catch {
        // Nobody there, refused, or broken off in the middle: all of these are what a fault looks like from outside.
        await sleep(PAUSE_AFTER_FAULT_MS)
      }
    }
  }

  async #plain(key: string): Promise<void> {
    const { statusCode, headers, body } = await request(`${this.#options.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, max_tokens: ANSWER_TOKENS, messages: MESSAGES }),
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    })
    const text = await body.text()
    if (statusCode !== 200) {
      this.#refused(statusCode, headers['retry-after'] !== undefined)
      throw new Error(`${statusCode}`)
    }
    const { usage } = JSON.parse(text) as { usage: { total_tokens: number } }
    this.#complete(String(headers['x-request-id']), usage.total_tokens)
  }

  #streaming(key: string): () => Promise<void> {
    const client = new OpenAI({ baseURL: `${this.#options.origin}/v1`, apiKey: key, maxRetries: 0 })
    return async () => {
      const call = client.chat.completions.create(
        {
          model: MODEL,
          max_tokens: ANSWER_TOKENS,
          messages: MESSAGES,
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal: AbortSignal.timeout(CALL_LIMIT_MS) },
      )
      const { data, response } = await call.withResponse().catch((error: unknown) => {
        if (error instanceof OpenAI.APIError && error.status !== undefined)
          this.#refused(error.status, error.headers?.has('retry-after') === true)
        throw error
      })
      let tokens: number | undefined
      for await (const { usage } of data) tokens = usage?.total_tokens ?? tokens
      // A stream that ends without its last frame was broken off.
      if (tokens === undefined) throw new Error('the stream ended without its usage')
      this.#complete(response.headers.get('x-request-id')!, tokens)
    }
  }

  #refused(status: number, saysWhen: boolean): void {
    if (status !== 503) return
    if (saysWhen) this.#turnedAway++
    else this.#turnedAwayMute++
  }

  #complete(request: string, tokens: number): void {
    const nowMs = performance.now()
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastCompleteMs)
    this.#lastCompleteMs = nowMs
    this.seen.push({ request, tokens })
  }
}
