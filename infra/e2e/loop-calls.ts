import type { EventName, FluxgateEvent } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import OpenAI from 'openai'

export const MODEL = 'phi4-mini'

/** Every event of an identity (or about it) in one stream. */
export async function eventsOf(nats: NatsLink, stream: string, identity: string): Promise<FluxgateEvent[]> {
  const found: FluxgateEvent[] = []
  for await (const batch of replay(nats, { stream, from: 'first' })) {
    for (const { event } of batch.events) {
      const { user, key } = event.data as { user?: string; key?: string }
      if (`${user}.${key}` === identity) found.push(event)
    }
  }
  return found
}

export const typesOf = (events: FluxgateEvent[]) =>
  events.map(event => event.type.slice('fluxgate.'.length) as EventName)

export const ask = (openai: OpenAI, words = 'Say hello.') =>
  openai.chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content: words }],
    max_tokens: 20,
  })

/** Calls until one is refused; gives the refusal, and the calls that were let through. */
export async function flood(
  openai: OpenAI,
): Promise<{ refusal: InstanceType<typeof OpenAI.APIError>; passed: number }> {
  const words = 'flood '.repeat(150)
  for (let passed = 0; passed < 200; passed++) {
    try {
      await ask(openai, words)
    } catch (error) {
      if (error instanceof OpenAI.APIError) return { refusal: error, passed }
      throw error
    }
  }
  throw new Error('200 calls and no refusal')
}
