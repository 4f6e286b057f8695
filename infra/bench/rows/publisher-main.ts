import { setTimeout as sleep } from 'node:timers/promises'
import { encodeEvent, eventMaker, TokensSettled } from '@fluxgate/contracts'
import { connectNats, EventPublisher } from '@fluxgate/nats'
import { createIds } from '@fluxgate/runtime'

/**
 * Publishes for so many seconds as fast as its window lets it, by our publisher or by the library's `js.publish`, with
 * equally many events outstanding. Arguments: `ours` or `library`, URL, seconds. Prints one line of JSON.
 */
const [how = '', url = '', seconds = ''] = process.argv.slice(2)
const WINDOW = 4_096
/** Appended in one turn of the event loop, as a busy gateway does. */
const BATCH = 64

const silent = { info() {}, warn() {}, error: console.error }
await using link = await connectNats({ url, name: 'bench' }, silent)
const make = eventMaker('/bench/1', createIds(), Date.now)
const endMs = performance.now() + Number(seconds) * 1_000
const cpu = process.cpuUsage()
const beganMs = performance.now()
const { events, errors } = how === 'ours' ? await byPublisher() : await byLibrary()
const { user, system } = process.cpuUsage(cpu)
const tookS = (performance.now() - beganMs) / 1_000
console.log(
  JSON.stringify({ eventsPerSecond: events / tookS, cpuMicros: (user + system) / events, events, errors }),
)

/** While the window is full the server has the work: to ask again at every turn would be counted as the publisher's. */
async function turn(outstanding: number): Promise<void> {
  if (outstanding < WINDOW && performance.now() < endMs) return new Promise(resolve => setImmediate(resolve))
  await sleep(1)
}

async function byPublisher(): Promise<{ events: number; errors: number }> {
  await using publisher = new EventPublisher(link, { maxOutstanding: WINDOW })
  let events = 0
  while (performance.now() < endMs) {
    if (publisher.buffered < WINDOW) for (let i = 0; i < BATCH; i++) publisher.append(settled(events++))
    await turn(publisher.buffered)
  }
  await publisher.flush()
  return { events, errors: publisher.refused + (events - publisher.acknowledged) }
}

async function byLibrary(): Promise<{ events: number; errors: number }> {
  let [events, outstanding, errors] = [0, 0, 0]
  const publish = async () => {
    const { subject, event } = settled(events++)
    outstanding++
    try {
      await link.jetstream.publish(subject, encodeEvent(event), { msgID: event.id })
    } catch {
      errors++
    }
    outstanding--
  }
  while (performance.now() < endMs || outstanding > 0) {
    if (performance.now() < endMs && outstanding < WINDOW) for (let i = 0; i < BATCH; i++) void publish()
    await turn(outstanding)
  }
  return { events, errors }
}

/** The event at the end of every call. */
function settled(n: number) {
  const counts = { usage: { input: 12, output: 6 }, total: 18, reserved: 66, progressed: 0 }
  const about = {
    request: `req_${String(n).padStart(26, '0')}`,
    tier: 'free',
    refillRate: 100,
    model: 'bench',
  }
  const identity = { user: `user${n % 1_000}`, key: 'k1' }
  return make(TokensSettled, { ...identity, ...about, ...counts, upstream: 'bench', source: 'reported' })
}
