import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DEADLETTER_STREAM, encodeEvent, type OutgoingEvent, STREAMS, UPCASTERS } from '@fluxgate/contracts'
import { connectNats, DEAD_LETTER_HEADERS, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { startProjection } from '@fluxgate/projection'
import { readProjectionConfig } from '@fluxgate/projection/config'
import { naiveFold, readTables, workload } from '@fluxgate/projection/testing'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createIds, createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, testNats, testPostgres } from '@fluxgate/testing'
import { runVerify } from '../../chaos/src/verify-command.ts'

const log = createLog('operate', 'silent')
const FUTURE = 99

/** The message as a gateway of that version wrote it. Version 1 knew the same fields of these facts, and fewer tiers. */
function writtenAs({ event }: OutgoingEvent, version: number): string {
  return encodeEvent({
    ...event,
    dataschema: event.dataschema.replace(/\d+$/, String(version)),
  } as typeof event)
}

it('a log that an older version wrote is read by this one; what a newer one wrote is put aside with its reason', async () => {
  await using nats = await testNats()
  await using postgres = await testPostgres()
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  await ensureTopology(link)
  const databaseUrl = await createDatabase(postgres)
  await using db = openDatabase(databaseUrl)
  await migrateToLatest(db)

  const events = workload({ requests: 300, users: 20, startMs: Date.now() - 600_000 })
  const half = events.length >> 1
  const old = new Set<string>()
  const publish = async (outgoing: OutgoingEvent, version?: number) => {
    const text = version === undefined ? encodeEvent(outgoing.event) : writtenAs(outgoing, version)
    await link.jetstream.publish(outgoing.subject, text, { msgID: outgoing.event.id })
  }
  // The log before the upgrade, then the same streams written on by this version.
  const before = events.slice(0, half).map(outgoing => {
    const { type, dataschema } = outgoing.event
    // Version 3 of a settlement has another shape, not more fields: its upcaster is tested with the contracts.
    const isSameShape = type !== 'fluxgate.tokens.settled'
    const isOld = isSameShape && type.slice('fluxgate.'.length) in UPCASTERS && !dataschema.endsWith(':1')
    if (isOld) old.add(type)
    return publish(outgoing, isOld ? 1 : undefined)
  })
  await Promise.all(before)
  assert.ok(old.size >= 6, `only ${[...old].join(', ')} have an older version here`)
  // From the future, in the middle: an upgrade that was rolled back leaves such behind.
  const newer = workload({ requests: 1, seed: 7, startMs: Date.now() - 300_000 })[0]!
  const { seq } = await link.jetstream.publish(newer.subject, writtenAs(newer, FUTURE))
  const batches = { source: events[half]!.event.source, newId: createIds(), partitions: 4 }
  await using publisher = new EventPublisher(link, { batches })
  for (const outgoing of events.slice(half)) publisher.append(outgoing)
  await publisher.flush()
  const { messages } = (await link.manager.streams.info(STREAMS.requests)).state
  assert.ok(messages < events.length / 2, 'what this version appends is in batches')

  const env = { DATABASE_URL: databaseUrl, NATS_URL: nats.url, PROJECTION_LAG_EVERY: '100ms' }
  await using projection = await startProjection(readConfig(env, readProjectionConfig), log)
  for (const stream of Object.values(STREAMS)) {
    const { state } = await link.manager.streams.info(stream)
    await eventually(() => projection.positionOf(stream) >= state.last_seq)
  }
  assert.deepEqual(await readTables(db), naiveFold(events))

  const letter = await eventually(() =>
    link.manager.streams.getMessage(DEADLETTER_STREAM, { last_by_subj: 'fluxgate.deadletter.>' }),
  )
  const reason = letter.header.get(DEAD_LETTER_HEADERS.reason)
  assert.match(reason, new RegExp(`^no way from version ${FUTURE} of requests\\.admitted to \\d+$`))
  assert.equal(letter.header.get(DEAD_LETTER_HEADERS.sequence), String(seq))
  assert.equal(new TextDecoder().decode(letter.data), writtenAs(newer, FUTURE))

  // Forensics reads the old and counts them to the token; the one that it cannot read is all that it finds.
  const verified = await runVerify(nats.url, databaseUrl)
  assert.equal(verified.notCompared, 0)
  assert.deepEqual(
    verified.offenders.map(({ offence }) => offence),
    ['unreadable', 'dead_letter'],
  )
  for (const { places } of verified.offenders) {
    assert.deepEqual(places, [{ stream: STREAMS.requests, sequence: seq }])
  }
})
