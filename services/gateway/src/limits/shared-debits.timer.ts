import type { Parsed } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

export type PartsAnswer<P> =
  | { readonly kind: 'whole'; readonly parts: readonly P[] }
  /** Nobody listens on the subject. */
  | { readonly kind: 'nobody' }
  /** It did not come whole in time, or cannot be read. */
  | { readonly kind: 'broken' }

/** Parts of one answer; a sender that sends more is not one of ours. */
const MAX_PARTS = 2_000
const NO_RESPONDERS = 503

/**
 * Asks on core NATS for an answer that comes in several messages, the last one marked. `onAnswer` is called once, before
 * any message that was sent after the answer is heard.
 */
export function askParts<P extends { readonly isLast: boolean }>(
  link: NatsLink,
  subject: string,
  parse: (data: Uint8Array) => Parsed<P>,
  limitMs: number,
  onAnswer: (answer: PartsAnswer<P>) => void,
): void {
  const parts: P[] = []
  const inbox = link.newInbox()
  const settle = (answer: PartsAnswer<P>): void => {
    if (subscription.isClosed()) return
    clearTimeout(timer)
    subscription.unsubscribe()
    onAnswer(answer)
  }
  const timer = setTimeout(() => settle({ kind: 'broken' }), limitMs).unref()
  const subscription = link.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error) return settle({ kind: 'broken' })
      if (message.headers?.code === NO_RESPONDERS) return settle({ kind: 'nobody' })
      const part = parse(message.data)
      if (!part.ok || parts.push(part.value) > MAX_PARTS) return settle({ kind: 'broken' })
      if (part.value.isLast) settle({ kind: 'whole', parts })
    },
  })
  link.connection.publish(subject, undefined, { reply: inbox })
}
