import { join } from 'node:path'
import { connectNats, ensureTopology } from '@fluxgate/nats'
import { startNatsServer } from '@fluxgate/testing'
import { takeTurns } from '../proxy/turns.ts'
import { atLeast, type Row, sumErrors } from './row.ts'
import { runScript } from './script.ts'

const OURS = 'ours'
const LIBRARY = 'library'

interface Published {
  readonly eventsPerSecond: number
  readonly cpuMicros: number
  readonly events: number
  readonly errors: number
}

export const publisher: Row = {
  id: 'publisher',
  what: 'events into JetStream, acknowledged, by a process that does nothing else',
  needs: [],
  async run(pace) {
    await using nats = await startNatsServer()
    {
      await using link = await connectNats(
        { url: nats.url, name: 'bench' },
        { info() {}, warn() {}, error() {} },
      )
      await ensureTopology(link)
    }
    const main = join(import.meta.dirname, 'publisher-main.ts')
    const results = await takeTurns([{ name: LIBRARY }, { name: OURS }], pace, ({ name }, seconds) =>
      runScript<Published>(main, [name, nats.url, String(seconds)]),
    )
    const [ours, library] = [results.get(OURS)!, results.get(LIBRARY)!]
    const line = (what: string, unit: string, of: (run: Published) => number) => ({
      row: publisher.id,
      what,
      unit,
      ours: ours.map(of),
      base: { name: 'js.publish', values: library.map(of) },
      errors: sumErrors(ours, library),
    })
    return [
      { ...line('events/s', '/s', run => run.eventsPerSecond), compared: 'ratio', ...atLeast(5, 8) },
      { ...line('CPU of an event', 'µs', run => run.cpuMicros), compared: 'saving', ...atLeast(5, 8) },
    ]
  },
}
