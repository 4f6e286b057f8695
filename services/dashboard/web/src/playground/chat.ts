import { type ApiError, eventData } from '../data/index.ts'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface ChatOrder {
  readonly model: string
  readonly messages: readonly Message[]
  readonly maxTokens: number | undefined
}

/** What a call took; times in milliseconds from its sending. */
export interface ChatFigures {
  readonly firstTokenMs: number | undefined
  readonly totalMs: number
  readonly promptTokens: number | undefined
  readonly completionTokens: number | undefined
  readonly requestId: string | undefined
  /** Tokens left in the caller's bucket, as the gateway said. */
  readonly tokensLeft: string | undefined
}

export type ChatEnd =
  | { readonly kind: 'whole' | 'stopped'; readonly figures: ChatFigures }
  | { readonly kind: 'failed'; readonly error: ApiError; readonly figures: ChatFigures }

interface Chunk {
  readonly choices?: ReadonlyArray<{ readonly delta?: { readonly content?: string | null } }>
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly error?: { readonly message?: string; readonly code?: string }
}

/** Streams a chat from the gateway; `onText` gets each piece as it comes. Ends when `signal` aborts, too. */
export async function chat(
  order: ChatOrder,
  onText: (piece: string) => void,
  signal: AbortSignal,
): Promise<ChatEnd> {
  const sentMs = performance.now()
  let firstTokenMs: number | undefined
  let usage: Chunk['usage']
  let response: Response | undefined
  const figures = (): ChatFigures => ({
    firstTokenMs,
    totalMs: performance.now() - sentMs,
    promptTokens: usage?.prompt_tokens,
    completionTokens: usage?.completion_tokens,
    requestId: response?.headers.get('x-request-id') ?? undefined,
    tokensLeft: response?.headers.get('x-ratelimit-remaining-tokens') ?? undefined,
  })
  const failed = (status: number, code: string, message: string): ChatEnd => ({
    kind: 'failed',
    error: { status, code, message },
    figures: figures(),
  })
  try {
    response = await fetch('/play/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: order.model,
        messages: order.messages,
        stream: true,
        stream_options: { include_usage: true },
        ...(order.maxTokens === undefined ? {} : { max_tokens: order.maxTokens }),
      }),
      signal,
    })
    if (!response.ok || !response.body) return await refusalOf(response, failed)
    for await (const data of eventData(response.body)) {
      if (data === '[DONE]') return { kind: 'whole', figures: figures() }
      const chunk = JSON.parse(data) as Chunk
      if (chunk.error)
        return failed(0, chunk.error.code ?? 'failed', chunk.error.message ?? 'The call failed.')
      usage = chunk.usage ?? usage
      const piece = chunk.choices?.[0]?.delta?.content
      if (!piece) continue
      firstTokenMs ??= performance.now() - sentMs
      onText(piece)
    }
    return failed(0, 'cut_off', 'The response ended before it was complete.')
  } catch {
    if (signal.aborted) return { kind: 'stopped', figures: figures() }
    return failed(0, 'unreachable', 'The connection was lost during the response.')
  }
}

async function refusalOf(
  response: Response,
  failed: (status: number, code: string, message: string) => ChatEnd,
): Promise<ChatEnd> {
  const body = (await response.json().catch(() => ({}))) as Partial<Chunk>
  const { code = 'unknown', message = `The answer was ${response.status}.` } = body.error ?? {}
  return failed(response.status, code, message)
}
