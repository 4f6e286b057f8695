import type { PriceList } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import { sendFault } from '../portal/answer.ts'
import { readPriceList } from './bodies.ts'
import { inTime } from './order.ts'

export interface PriceDeps {
  readonly readPrices: () => Promise<PriceList>
  readonly putPrices: (list: PriceList) => Promise<void>
}

/** A list of some thousands of models; a value of the bucket has a megabyte at the most. */
const MAX_LIST_BYTES = 512 * 1024

/** The price list, as the contract has it: US dollars per million tokens by model or `prefix*`. Put whole. */
export function routePrices(scope: FastifyInstance, { readPrices, putPrices }: PriceDeps): void {
  scope.get('/admin/prices', () => inTime(readPrices()))

  scope.put('/admin/prices', { bodyLimit: MAX_LIST_BYTES }, async (request, reply) => {
    const read = readPriceList(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    await inTime(putPrices(read.value))
    return read.value
  })
}
