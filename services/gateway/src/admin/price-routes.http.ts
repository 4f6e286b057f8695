import { PriceList, wrongDate } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import { documented, json, sendError } from '../http/index.ts'
import { readPriceList } from './bodies.ts'
import { inTime } from './confirm-order.timer.ts'

export interface PriceDeps {
  readonly readPrices: () => Promise<PriceList>
  readonly putPrices: (list: PriceList) => Promise<void>
}

/** A list of some thousands of models; a value of the bucket has a megabyte at the most. */
const MAX_LIST_BYTES = 512 * 1024

const GET = documented({
  summary: 'The price list: US dollars per million tokens, image and call of a tool',
  tag: 'budgets',
  answers: { 200: json(PriceList) },
})
const PUT = documented({
  summary: 'Replace the price list',
  tag: 'budgets',
  body: json(readPriceList.schema),
  answers: { 200: json(PriceList) },
  faults: ['invalid_body', 'too_large'],
})

/** The price list, as the contract has it, by model or `prefix*`, each with its dates. Put whole. */
export function routePrices(scope: FastifyInstance, { readPrices, putPrices }: PriceDeps): void {
  scope.get('/admin/prices', GET, () => inTime(readPrices()))

  scope.put('/admin/prices', { ...PUT, bodyLimit: MAX_LIST_BYTES }, async (request, reply) => {
    const read = readPriceList(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const wrong = wrongDate(read.value)
    if (wrong !== undefined) {
      return sendError(reply, { code: 'invalid_body', message: `"from": "${wrong}" is not a date.` })
    }
    await inTime(putPrices(read.value))
    return read.value
  })
}
