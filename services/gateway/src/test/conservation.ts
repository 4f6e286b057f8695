import assert from 'node:assert/strict'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { connectNats, replay } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'

/** What the log says of each request: its facts by type. */
export type Ledger = ReadonlyMap<string, ReadonlyMap<string, number>>

const ENDINGS = ['completed', 'failed', 'interrupted']
const PREFIX = 'fluxgate.'

/** Reads REQUESTS and TOKENS whole, and asserts that no event stands there twice. */
export async function readLedger(natsUrl: string): Promise<Ledger> {
  await using link = await connectNats({ url: natsUrl, name: 'ledger' }, createLog('test', 'silent'))
  const ledger = new Map<string, Map<string, number>>()
  const ids = new Set<string>()
  for (const stream of ['REQUESTS', 'TOKENS']) {
    for await (const { events } of replay(link, { stream, from: 'first' })) {
      for (const { event } of events) {
        assert.ok(!ids.has(event.id), `${event.id} is in the log twice`)
        ids.add(event.id)
        count(ledger, event)
      }
    }
  }
  return ledger
}

function count(ledger: Map<string, Map<string, number>>, event: FluxgateEvent): void {
  if (!('request' in event.data)) return
  const { request } = event.data
  if (request === undefined) return
  const facts = ledger.get(request) ?? new Map<string, number>()
  ledger.set(request, facts)
  const fact = event.type.slice(PREFIX.length)
  facts.set(fact, (facts.get(fact) ?? 0) + 1)
}

/** What the log says of the requests that were admitted: each of them once, ended once and settled once. */
export function assertConserved(ledger: Ledger): { admitted: number; interrupted: number } {
  let admitted = 0
  let interrupted = 0
  for (const [request, facts] of ledger) {
    const of = (fact: string) => facts.get(fact) ?? 0
    if (of('requests.refused') > 0 && facts.size === 1) continue
    const endings = ENDINGS.reduce((sum, fact) => sum + of(`requests.${fact}`), 0)
    const reported = JSON.stringify(Object.fromEntries(facts))
    assert.deepEqual(
      [of('requests.admitted'), endings, of('tokens.settled')],
      [1, 1, 1],
      `${request}: ${reported}`,
    )
    admitted++
    interrupted += of('requests.interrupted')
  }
  return { admitted, interrupted }
}

/** A client saw the whole answer: the log says so too, once. */
export function assertDocumented(ledger: Ledger, requests: Iterable<string>): void {
  for (const request of requests) {
    assert.equal(ledger.get(request)?.get('requests.completed'), 1, `${request} was answered`)
  }
}
