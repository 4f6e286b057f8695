import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour } from './behaviour.ts'
import type { SimulatorStats } from './stats.ts'

/** Tokens written without a look at the event loop when no rate is set. */
const UNPACED_BATCH_TOKENS = 64
const RESET_DELAY_MS = 5
const GARBAGE = '\u0000\ufffd{"half": tru\n\n<html>502 Bad Gateway</html>\n\n'

/** One request on its way to its answer. */
export interface Exchange {
  readonly reply: ServerResponse
  readonly behaviour: Behaviour
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  readonly stats: SimulatorStats
}

/** A streamed answer, frame by frame; each frame between prelude and coda carries one token. */
export interface Script {
  readonly contentType: string
  readonly prelude: string
  readonly count: number
  readonly frame: (index: number) => string
  /** Called when the last token is out, so that it can tell durations. */
  readonly coda: () => string
  /** What this dialect says when it breaks in mid-stream. */
  readonly errorFrame: string
}

export async function speakStream(exchange: Exchange, script: Script): Promise<void> {
  const { reply, stats } = exchange
  const fault = tokenFault(exchange.behaviour)
  const until = Math.min(script.count, fault?.afterTokens ?? script.count)
  await firstTokenDue(exchange)
  if (fault?.kind === 'hang' && until === 0) return hang(exchange)
  if (fault?.kind === 'reset' && until === 0) return reset(exchange)
  reply.writeHead(200, { 'content-type': script.contentType, 'cache-control': 'no-cache' })
  await write(exchange, script.prelude)
  for await (const [from, to] of paced(exchange, until)) {
    let frames = ''
    for (let i = from; i < to; i++) frames += script.frame(i)
    stats.tokensOut += to - from
    await write(exchange, frames)
  }
  if (fault) return breakStream(exchange, fault.kind, script)
  reply.end(script.coda())
  stats.completed++
}

/** An answer in one piece, sent when its last token would have been out. */
export async function speakWhole(
  exchange: Exchange,
  tokens: number,
  contentType: string,
  body: () => string,
): Promise<void> {
  const { reply, stats } = exchange
  const fault = tokenFault(exchange.behaviour)
  await firstTokenDue(exchange)
  for await (const _ of paced(exchange, Math.min(tokens, fault?.afterTokens ?? tokens)));
  if (fault?.kind === 'hang') return hang(exchange)
  if (fault?.kind === 'error') throw new Error('the simulated model broke down')
  const text = fault?.kind === 'garbage' ? GARBAGE : body()
  const bytes = Buffer.from(text)
  reply.writeHead(200, {
    'content-type': contentType,
    ...(fault?.kind === 'end' ? undefined : { 'content-length': bytes.length }),
  })
  if (fault?.kind === 'reset' || fault?.kind === 'end') {
    reply.write(bytes.subarray(0, bytes.length >> 1))
    if (fault.kind === 'reset') return reset(exchange)
    stats.failed++
    reply.end()
    return
  }
  reply.end(bytes)
  if (fault) {
    stats.failed++
    return
  }
  stats.tokensOut += tokens
  stats.completed++
}

function tokenFault(behaviour: Behaviour) {
  return behaviour.fault?.kind === 'status' ? undefined : behaviour.fault
}

async function firstTokenDue({ behaviour, signal }: Exchange): Promise<void> {
  if (behaviour.latencyMs > 0) await sleep(behaviour.latencyMs, undefined, { signal })
}

/** Ranges of tokens that are due, at the rate of the behaviour; ends early by throwing when the client leaves. */
async function* paced({ behaviour, signal }: Exchange, count: number): AsyncGenerator<[number, number]> {
  const startedMs = performance.now()
  const perMs = behaviour.tokensPerSecond / 1_000
  let sent = 0
  while (sent < count) {
    signal.throwIfAborted()
    const due =
      perMs > 0 ? Math.floor((performance.now() - startedMs) * perMs) + 1 : sent + UNPACED_BATCH_TOKENS
    const to = Math.min(count, due)
    if (to > sent) yield [sent, to]
    sent = Math.max(sent, to)
    if (sent === count) return
    const waitMs = perMs > 0 ? sent / perMs - (performance.now() - startedMs) : 0
    await sleep(Math.max(0, waitMs), undefined, { signal })
  }
}

/** Waits while the client reads slower than the model writes. */
async function write({ reply, signal }: Exchange, text: string): Promise<void> {
  if (text !== '' && !reply.write(text)) await once(reply, 'drain', { signal })
}

async function breakStream(exchange: Exchange, kind: string, script: Script): Promise<void> {
  const { reply, stats } = exchange
  if (kind === 'hang') return hang(exchange)
  if (kind === 'reset') return reset(exchange)
  stats.failed++
  if (kind === 'error') reply.write(script.errorFrame)
  if (kind === 'garbage') reply.write(script.contentType.startsWith('text/') ? `data: ${GARBAGE}` : GARBAGE)
  reply.end()
}

/** Says nothing more until the client gives up, which counts as cancelled. */
async function hang({ signal }: Exchange): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
  signal.throwIfAborted()
}

async function reset({ reply, stats }: Exchange): Promise<void> {
  stats.failed++
  // What was written before should have left, or the client could not tell how far the answer came.
  await sleep(RESET_DELAY_MS)
  reply.socket?.resetAndDestroy()
}
