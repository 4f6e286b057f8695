import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  eventMaker,
  type OutgoingEvent,
  Prices,
  RequestAdmitted,
  RequestCompleted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { connectNats, EventPublisher } from '@fluxgate/nats'
import { createIds, createLog } from '@fluxgate/runtime'
import { openNodeSpool, settleLeft } from './node-spool.fs.ts'
import { OpenRequests } from './open-requests.ts'

/**
 * A gateway node without its faces: it recovers, then admits and ends requests as fast as it is asked, and writes the
 * id of each whose facts were committed, as a gateway would end its answer. `drain`: recovers, flushes and ends.
 */
const [url = '', root = '', mode = 'load', maxBytes = '0'] = process.argv.slice(2)
const PER_TURN = 20
const LONG_EVERY = 7

const log = createLog('test', 'info', 'stderr')
await using link = await connectNats({ url, name: 'node' }, log)
const newId = createIds()
const boot = newId()
const open = new OpenRequests()
const config = {
  root,
  node: `node-${boot.slice(-6)}`,
  boot,
  maxBytes: Number(maxBytes),
  fsync: 'off' as const,
}
log.info('connected')
const { spool, left } = await openNodeSpool(
  link,
  config,
  () => open.context(),
  () => {},
  log,
)
const source = `/gateway/${boot}`
const batches = { source, newId, partitions: 1 }
await using publisher = new EventPublisher(link, { batches, gatherMs: 5 }, spool)
const make = eventMaker(source, newId, Date.now)
const append = (event: OutgoingEvent) => {
  publisher.append(event)
  open.apply(event)
}
log.info({ waiting: spool.waiting, left: left.size }, 'opened')
await settleLeft(left, { link, make, append, refillRateOf: () => 100, prices: new Prices(), log })
publisher.committed(() => spool.releaseAdopted())
writeSync(1, 'ready\n')

const about = (request: string, user: string) => ({ request, user, key: 'k1', model: 'm' })
const billing = { tier: 'free', refillRate: 100 }

function admit(request: string, user: string): void {
  append(
    make(RequestAdmitted, {
      ...about(request, user),
      tier: 'free',
      dialect: 'openai',
      method: 'POST',
      path: '/v1/chat/completions',
      stream: true,
      address: '127.0.0.1',
      promptChars: 400,
      promptEstimate: 100,
      reserved: 400,
    }),
  )
}

function end(request: string, user: string, progressed: number): void {
  const ending = { upstream: 'u', status: 200, durationMs: 5, bytes: 100 }
  append(make(RequestCompleted, { ...about(request, user), ...ending }))
  const count = { usage: { input: 100, output: 50 }, total: 150, reserved: 400, progressed }
  append(
    make(TokensSettled, {
      ...about(request, user),
      ...billing,
      ...count,
      upstream: 'u',
      source: 'reported' as const,
    }),
  )
  publisher.committed(() => writeSync(1, `${request}\n`))
}

function progress(request: string, user: string): void {
  const count = { prompt: 100, completion: 20, delta: 120, elapsedMs: 1_000 }
  append(make(TokensProgressed, { ...about(request, user), ...billing, ...count }))
}

/** Streams that run over many turns, and so over several segments. */
const long: Array<[request: string, user: string]> = []
for (let n = 0; mode === 'load'; n++) {
  // As a gateway does: nothing new while there is no room for it.
  for (let i = 0; i < PER_TURN && !publisher.full; i++) {
    const request = `req_${newId()}`
    const user = `user${n % 10}`
    admit(request, user)
    if (i % LONG_EVERY === 0) {
      progress(request, user)
      long.push([request, user])
    } else end(request, user, 0)
  }
  if (long.length > 200) {
    const [request, user] = long.shift()!
    end(request, user, 120)
  }
  await sleep(1)
}
await publisher.flush()
