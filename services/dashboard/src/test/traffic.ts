import {
  type EventMaker,
  eventMaker,
  type Identity,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestInterrupted,
  RequestRefused,
  TokensSettled,
} from '@fluxgate/contracts'
import type { EventPublisher } from '@fluxgate/nats'
import { ulid } from 'ulid'

export type Outcome = 'completed' | 'failed' | 'interrupted' | 'refused'

/** The events that gateways publish about requests. */
export class Traffic {
  readonly #publisher: EventPublisher
  readonly #makers = new Map<string, EventMaker>()

  constructor(publisher: EventPublisher) {
    this.#publisher = publisher
  }

  /** One request from its decision to its settlement; `tokens` are settled unless it is refused. */
  request(identity: Identity, outcome: Outcome, tokens = 100, node = 'gw-a'): void {
    const request = this.begin(identity, outcome === 'refused' ? 'refused' : 'admitted', node)
    if (outcome !== 'refused') this.end(identity, request, outcome, tokens, node)
  }

  /** Returns the request's id. */
  begin(identity: Identity, decision: 'admitted' | 'refused', node = 'gw-a'): string {
    const make = this.#maker(node)
    const request = `req_${ulid()}`
    const asked = { request, ...identity, method: 'POST', path: '/v1/chat/completions', address: '127.0.0.1' }
    const event =
      decision === 'refused'
        ? make(RequestRefused, {
            ...asked,
            model: 'sim-small',
            reason: 'throttled',
            status: 429,
            count: 1,
            windowMs: 0,
          })
        : make(RequestAdmitted, {
            ...asked,
            model: 'sim-small',
            tier: 'free',
            dialect: 'openai',
            stream: true,
            promptChars: 40,
            promptEstimate: 10,
            reserved: 266,
          })
    this.#publisher.append(event)
    return request
  }

  end(
    identity: Identity,
    request: string,
    outcome: Exclude<Outcome, 'refused'>,
    tokens: number,
    node = 'gw-a',
  ): void {
    const make = this.#maker(node)
    const ended = { request, ...identity, model: 'sim-small', upstream: 'sim', durationMs: 400, bytes: 900 }
    const event =
      outcome === 'completed'
        ? make(RequestCompleted, { ...ended, status: 200, firstByteMs: 80 })
        : outcome === 'failed'
          ? make(RequestFailed, {
              ...ended,
              status: 502,
              phase: 'response',
              code: 'upstream',
              message: 'broken',
            })
          : make(RequestInterrupted, { ...ended, status: 200, by: 'client' })
    this.#publisher.append(event)
    const settled = make(TokensSettled, {
      request,
      ...identity,
      tier: 'free',
      refillRate: 100,
      model: 'sim-small',
      upstream: 'sim',
      usage: { input: 10, output: Math.max(0, tokens - 10) },
      total: tokens,
      reserved: 266,
      progressed: 0,
      source: 'reported',
    })
    this.#publisher.append(settled)
  }

  #maker(node: string): EventMaker {
    let make = this.#makers.get(node)
    if (!make) {
      make = eventMaker(`/gateway/${node}/1`, ulid, Date.now)
      this.#makers.set(node, make)
    }
    return make
  }
}
