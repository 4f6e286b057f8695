import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventFilter, IncidentOpened } from '@fluxgate/contracts'
import { consume, later } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import type { Reply } from './test-model.ts'
import { answer, good, reportedBy, startTestReporter, type TestReporter } from './test-reporter.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const silent: Reply = () => {}
const INCIDENT = 'inc_00000001'

/** All is delivered again, and the stream has forgotten the ids of what was published before. */
async function forget(reporter: TestReporter): Promise<void> {
  const { streams, consumers } = reporter.link.manager
  const { config } = await streams.info('INCIDENTS')
  await streams.update('INCIDENTS', { ...config, duplicate_window: 100_000_000 })
  await pause(200)
  for await (const { name } of consumers.list('INCIDENTS')) await consumers.delete('INCIDENTS', name)
}

describe('an incident that is delivered again', () => {
  it('gets its facts even when the first delivery was lost in a crash', async () => {
    await using reporter = await startTestReporter(silent)
    const filter = eventFilter(IncidentOpened)
    const options = { stream: 'INCIDENTS', durable: 'incident-reporter', filter, concurrency: 2 }
    let isTaken = false
    {
      await using _crashed = consume(reporter.link, options, async () => {
        isTaken = true
        return later(100)
      })
      await reporter.open(INCIDENT)
      await eventually(() => isTaken)
    }
    await using _reporter = await reporter.start()
    await reportedBy(reporter, INCIDENT, ['facts'])
  })

  it('gets no second report, of either kind, however late it comes again', async () => {
    await using reporter = await startTestReporter(answer(good))
    {
      await using _reporter = await reporter.start()
      await reporter.open(INCIDENT)
      await reportedBy(reporter, INCIDENT, ['facts', 'model'])
    }
    await forget(reporter)
    const asked = reporter.model.questions.length
    await using _reporter = await reporter.start()
    await pause(1_000)
    await reportedBy(reporter, INCIDENT, ['facts', 'model'])
    assert.equal(reporter.model.questions.length, asked, 'the model was not asked again')
  })

  it('is one report of each kind when two reporters work at once', async () => {
    await using reporter = await startTestReporter((question, response, count) =>
      setTimeout(() => answer(good)(question, response, count), 200),
    )
    await using _one = await reporter.start()
    await using _two = await reporter.start()
    const incidents = Array.from({ length: 10 }, (_, i) => `inc_0000002${i}`)
    for (const incident of incidents) await reporter.open(incident, `rule of ${incident}`)
    for (const incident of incidents) await reportedBy(reporter, incident, ['facts', 'model'])
  })
})

describe('the facts', () => {
  it('do not wait for a model that is slow', async () => {
    await using reporter = await startTestReporter(silent, { LLM_TIMEOUT: '20s' })
    await using _reporter = await reporter.start()
    const incidents = Array.from({ length: 10 }, (_, i) => `inc_0000003${i}`)
    for (const incident of incidents) await reporter.open(incident, `rule of ${incident}`)
    await eventually(
      async () => {
        for (const incident of incidents) assert.equal((await reporter.reports(incident)).length, 1)
      },
      { timeoutMs: 3_000 },
    )
  })
})
