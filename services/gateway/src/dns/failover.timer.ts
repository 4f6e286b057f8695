import type { Answer } from './answer.ts'
import type { FailureKind, Outcome } from './answer-store.ts'
import { askingOrder, type Circuit, CLOSED, failed, isOpen, probed } from './circuit.ts'
import { RCODE } from './codes.ts'
import type { Asked, DohUpstream } from './doh-upstream.http.ts'
import type { DnsLimits } from './limits.ts'
import type { UpstreamStats } from './resolve.ts'

interface Member {
  readonly upstream: DohUpstream
  circuit: Circuit
  answered: number
  failed: number
  reason: string | undefined
}

export interface Failover extends AsyncDisposable {
  /** Asks the upstreams in order until one answers; never rejects, and takes at most `totalMs`. */
  ask(query: Buffer, forward: Buffer): Promise<Outcome>
  stats(): UpstreamStats[]
}

/**
 * Upstreams in strict order: the next one is asked when one fails, says SERVFAIL, or is silent for `hedgeMs`. The first
 * answer wins; every response code but SERVFAIL is an answer.
 */
export function createFailover(
  upstreams: readonly DohUpstream[],
  limits: DnsLimits,
  now: () => number,
): Failover {
  const members = upstreams.map(
    (upstream): Member => ({
      upstream,
      circuit: CLOSED,
      answered: 0,
      failed: 0,
      reason: undefined,
    }),
  )
  return {
    ask(query, forward) {
      const circuits = members.map(member => member.circuit)
      const order = askingOrder(circuits, now(), limits).map(index => members[index]!)
      return race(order, query, forward, limits, now)
    },
    stats: () =>
      members.map(member => ({
        url: member.upstream.url,
        answered: member.answered,
        failed: member.failed,
        isOpen: isOpen(member.circuit),
        reason: member.reason,
      })),
    async [Symbol.asyncDispose]() {
      await Promise.all(upstreams.map(upstream => upstream[Symbol.asyncDispose]()))
    },
  }
}

function race(
  order: readonly Member[],
  query: Buffer,
  forward: Buffer,
  limits: DnsLimits,
  now: () => number,
): Promise<Outcome> {
  return new Promise(resolve => {
    const running = new Set<Member>()
    let next = 0
    let isOver = false
    let servFail: Answer | undefined
    let worst: FailureKind = 'unreachable'
    let hedge: NodeJS.Timeout | undefined

    const finish = (outcome: Outcome) => {
      isOver = true
      clearTimeout(hedge)
      clearTimeout(deadline)
      resolve(outcome)
    }
    const giveUp = () => finish(servFail === undefined ? { failure: worst } : { answer: servFail })
    const deadline = setTimeout(giveUp, limits.totalMs)

    // A try that lost the race runs on: what becomes of it tells whether its upstream is well.
    const settle = (member: Member, asked: Asked) => {
      if ('failure' in asked) fail(member, asked.reason, now(), limits)
      else succeed(member)
      if (isOver) return
      if ('answer' in asked && asked.answer.rcode !== RCODE.servFail) return finish(asked)
      if ('answer' in asked) servFail ??= asked.answer
      else if (asked.failure === 'bad-answer') worst = 'bad-answer'
      startNext()
    }
    const startNext = () => {
      clearTimeout(hedge)
      const member = order[next++]
      if (member === undefined) {
        if (running.size === 0) giveUp()
        return
      }
      if (next < order.length) hedge = setTimeout(startNext, limits.hedgeMs)
      running.add(member)
      member.circuit = probed(member.circuit, now())
      const end = (asked: Asked) => {
        clearTimeout(patience)
        if (running.delete(member)) settle(member, asked)
      }
      const patience = setTimeout(end, limits.tryMs, NO_ANSWER)
      patience.unref()
      void member.upstream.ask(query, forward).then(end)
    }
    startNext()
  })
}

const NO_ANSWER: Asked = { failure: 'unreachable', reason: 'no answer in time' }

function succeed(member: Member): void {
  member.answered++
  member.circuit = CLOSED
}

function fail(member: Member, reason: string, nowMs: number, limits: DnsLimits): void {
  const wasOpen = isOpen(member.circuit)
  member.failed++
  member.reason = reason
  member.circuit = failed(member.circuit, nowMs, limits)
  if (!wasOpen && isOpen(member.circuit)) member.upstream.reconnect()
}
