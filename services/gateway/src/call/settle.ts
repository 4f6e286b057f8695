import {
  type BilledModel,
  costMicros,
  MAX_CALL_TOKENS,
  NO_USAGE,
  type PriceBook,
  totalTokens,
  type Usage,
} from '@fluxgate/contracts'
import type { Counted, Route } from '../dialects/index.ts'
import { type Counts, type ReportedUsage, rawText } from '../usage/index.ts'
import { shortText } from './call.ts'

export interface Settlement {
  /** Over all models that billed the call. */
  readonly usage: Usage
  readonly total: number
  /** Which models used how much, when there were several. */
  readonly models: BilledModel[] | undefined
  /** Millionths of a US dollar; absent for a model without a price. */
  readonly costMicros: number | undefined
  readonly source: 'reported' | 'counted' | 'estimated'
  /** The convention by which the vendor's figures were read, and its usage object as JSON. */
  readonly vendor: string | undefined
  readonly raw: string | undefined
  /** The vendor's total is not the sum of its parts. */
  readonly unbalanced: boolean
}

interface Reserved {
  readonly reserved: number
  readonly promptEstimate: number
  readonly route?: Pick<Route, 'charge'>
}

/** What is settled: the admission's figures, and by what the call is paid. */
interface Settled extends Reserved {
  /** The model that was asked for. */
  readonly model: string
  readonly prices: PriceBook
  /** When it was admitted, epoch milliseconds: the prices of this moment hold. */
  readonly admittedAtMs: number
}

/** What came of the answer. */
export interface Answered {
  readonly status: number
  /** The model that answered, where it is known. */
  readonly model: string | undefined
  readonly reported: ReportedUsage | undefined
  /** Pieces of generated text that passed. */
  readonly pieces: number
  /** It is, or contains, an error although its status is good. */
  readonly isError: boolean
}

/**
 * What the upstream has not reported of an answer that cost something: `true` for each part that is to be counted.
 * Undefined when there is nothing to count.
 */
export function unreported(
  answer: Answered | undefined,
  call: Reserved,
): { input: boolean; output: boolean } | undefined {
  if (!answer || isFree(answer, call)) return undefined
  const { input, output } = countsOf(answer, call)
  if (input !== undefined && output !== undefined) return undefined
  return { input: input === undefined, output: output === undefined }
}

/**
 * What an answer cost: the upstream's own figures where they came; what it did not report as it was counted; where that
 * could not be done, the prompt's estimate and the pieces that passed. The source is that of the weakest part.
 */
export function settle(
  answer: Answered | undefined,
  call: Settled,
  counted: Counted | undefined,
): Settlement {
  if (!answer || isFree(answer, call) || hasOnlyFailed(answer, counted))
    return settlementOf(answer, call, NO_USAGE, undefined, 'estimated')
  const counts = countsOf(answer, call)
  const models = answer.reported?.models
  if (isWhole(counts)) return settlementOf(answer, call, counts, models, 'reported')
  const usage: Usage = {
    ...counts,
    input: counts.input ?? bounded(counted?.prompt ?? call.promptEstimate),
    output: counts.output ?? bounded(counted?.completion ?? answer.pieces),
  }
  return settlementOf(answer, call, usage, models, counted ? 'counted' : 'estimated')
}

function isWhole(counts: Readonly<Counts>): counts is Usage {
  return counts.input !== undefined && counts.output !== undefined
}

function settlementOf(
  answer: Answered | undefined,
  call: Settled,
  usage: Usage,
  models: ReportedUsage['models'],
  source: Settlement['source'],
): Settlement {
  const priced = (model: string | undefined, used: Usage) => {
    const price = call.prices.priceFor(model, call.model, call.admittedAtMs)
    return price && costMicros(price, used)
  }
  const own = answer?.model ?? call.model
  const billed = models?.map(entry => {
    const model = shortText(entry.model === '' ? own : entry.model)
    return billedModel(model, entry.usage, priced(model, entry.usage))
  })
  const cost = billed ? sumOf(billed) : priced(answer?.model, usage)
  return {
    usage,
    total: totalTokens(usage),
    models: billed,
    costMicros: cost,
    source,
    vendor: answer?.reported?.vendor,
    raw: rawText(answer?.reported?.raw),
    unbalanced: answer?.reported?.unbalanced ?? false,
  }
}

function billedModel(model: string, usage: Usage, cost: number | undefined): BilledModel {
  return cost === undefined ? { model, usage } : { model, usage, costMicros: cost }
}

/** Undefined when no model has a price. */
function sumOf(models: readonly BilledModel[]): number | undefined {
  const costs = models.flatMap(({ costMicros: cost }) => (cost === undefined ? [] : [cost]))
  return costs.length === 0
    ? undefined
    : Math.min(
        Number.MAX_SAFE_INTEGER,
        costs.reduce((sum, cost) => sum + cost, 0),
      )
}

/** Embeddings and reranks generate nothing: what they do not report of it is none, and is not to be counted. */
function countsOf({ reported }: Answered, { route }: Reserved): Readonly<Counts> {
  const counts = reported?.counts ?? NOTHING
  return route?.charge === 'prompt' && counts.output === undefined ? { ...counts, output: 0 } : counts
}

const NOTHING: Counts = Object.freeze({})

/**
 * An answer that is an error, or never began, costs nothing. Neither does a call that asks for no tokens, nor one that
 * counts, moderates or lists: it is a request and nothing else, whatever figures its answer has.
 */
function isFree({ status, reported }: Answered, { reserved, route }: Reserved): boolean {
  return status >= 400 || route?.charge === 'request' || (reported === undefined && reserved === 0)
}

/** An error came, and nothing had been generated before it. */
function hasOnlyFailed({ isError, reported, pieces }: Answered, counted: Counted | undefined): boolean {
  return isError && (reported?.counts.output ?? counted?.completion ?? pieces) === 0
}

function bounded(tokens: number): number {
  return Math.min(MAX_CALL_TOKENS, tokens)
}
