import type { IncomingMessage } from 'node:http'
import { readJson } from '@fluxgate/contracts'
import { type Behaviour, parseDirectives } from './behaviour.ts'
import type { SimulatorConfig } from './config.ts'
import type { Exchange } from './speak.ts'

export type Json = Record<string, unknown>

/** What a handler gets: the body, already an object, and the answer's way back. */
export interface Call {
  readonly body: Json
  readonly config: SimulatorConfig
  readonly exchange: Exchange
  /** The model's name without directives; empty when the request names none. */
  readonly model: string
  readonly nowMs: number
  /** Nanoseconds, for durations. */
  readonly clockNs: () => bigint
  readonly newId: () => string
}

/** An answer with an error status; each dialect has its own shape for it. */
export class RequestFault extends Error {
  readonly code = 'SIMULATOR_REQUEST'
  readonly status: number
  readonly param: string | undefined
  /** OpenAI's `error.code`. */
  readonly reason: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(
    status: number,
    message: string,
    details: { param?: string; reason?: string; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message)
    this.status = status
    this.param = details.param
    this.reason = details.reason
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Json> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new RequestFault(413, `the body is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  if (bytes === 0) return {}
  const read = readJson(Buffer.concat(chunks), { maxSize: maxBytes })
  if (!read.ok) throw new RequestFault(400, `the body is ${read.reason}`)
  const parsed = read.value
  if (!isObject(parsed)) throw new RequestFault(400, 'the body must be a JSON object')
  return parsed
}

/** `phi4-mini#rate=50` names a model and how it behaves; the header `x-simulator` has the last word. */
export function behaviourOf(
  body: Json,
  header: string | string[] | undefined,
  config: SimulatorConfig,
): { model: string; behaviour: Behaviour } {
  const named = typeof body.model === 'string' ? body.model : ''
  const [model = '', suffix = ''] = named.split('#', 2)
  const parsed = parseDirectives([suffix, header ?? ''].flat().join(';'), {
    latencyMs: config.latencyMs,
    tokensPerSecond: config.tokensPerSecond,
    answerTokens: config.answerTokens,
    reportsUsage: true,
    fault: undefined,
  })
  if (!parsed.ok) throw new RequestFault(400, parsed.reason)
  return { model, behaviour: parsed.value }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A whole number of at least 1, or undefined when the field is absent or null. */
export function positiveInteger(body: Json, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value
  throw new RequestFault(400, `Invalid '${name}': expected an integer of at least 1.`, { param: name })
}

export function stopSequences(value: unknown): string[] {
  return [value].flat().filter((stop): stop is string => typeof stop === 'string' && stop !== '')
}

/** The text of a message's content: a string, or parts of which only text counts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map(part => (isObject(part) && typeof part.text === 'string' ? part.text : ''))
    .filter(text => text !== '')
    .join('\n')
}

export interface Message {
  readonly role: string
  readonly text: string
}

export function messagesOf(body: Json): Message[] {
  const { messages } = body
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RequestFault(400, "Missing required parameter: 'messages'.", { param: 'messages' })
  }
  return messages.map((message: unknown, i) => {
    if (!isObject(message) || typeof message.role !== 'string') {
      throw new RequestFault(400, `Invalid 'messages[${i}]': expected an object with a role.`, {
        param: `messages[${i}]`,
      })
    }
    return { role: message.role, text: contentText(message.content) }
  })
}

export function joinedText(messages: readonly Message[]): string {
  return messages.map(message => message.text).join('\n')
}
