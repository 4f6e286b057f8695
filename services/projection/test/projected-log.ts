import { type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, testNats, testPostgres } from '@fluxgate/testing'
import { type ProjectionConfig, readProjectionConfig } from '../src/config.ts'
import { startProjection } from '../src/service.ts'

export const log = createLog('projected-log', 'silent')

export interface Message {
  readonly subject: string
  readonly data: Uint8Array
}

/** A log and the tables that were folded from it; no projection runs any more. */
export interface ProjectedLog extends AsyncDisposable {
  readonly config: ProjectionConfig
  readonly link: NatsLink
  messagesOf(stream: string): Promise<Message[]>
  /** Makes the stream anew with these messages. */
  refill(stream: string, messages: readonly Message[]): Promise<void>
}

export async function projectedLog(events: readonly OutgoingEvent[]): Promise<ProjectedLog> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const url = await createDatabase(postgres)
  const link = stack.use(await connectNats({ url: nats.url, name: 'test' }, log))
  await ensureTopology(link)
  {
    await using db = openDatabase(url)
    await migrateToLatest(db)
  }
  const config = readConfig({ DATABASE_URL: url, NATS_URL: nats.url }, readProjectionConfig)
  {
    await using publisher = new EventPublisher(link)
    for (const event of events) publisher.append(event)
    await publisher.flush()
    await using projection = await startProjection({ ...config, pruneEveryMs: 0 }, log)
    for (const stream of Object.values(STREAMS)) {
      const { state } = await link.manager.streams.info(stream)
      await eventually(() => projection.positionOf(stream) === state.last_seq, { timeoutMs: 90_000 })
    }
  }
  const owned = stack.move()
  return {
    config,
    link,
    async messagesOf(stream) {
      const { state } = await link.manager.streams.info(stream)
      const messages: Message[] = []
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const { subject, data } = await link.manager.streams.getMessage(stream, { seq })
        messages.push({ subject, data })
      }
      return messages
    },
    async refill(stream, messages) {
      const { config } = await link.manager.streams.info(stream)
      await link.manager.streams.delete(stream)
      // Incidents cannot be deleted one by one, unless by who makes the stream without that.
      await link.manager.streams.add({ ...config, deny_delete: false })
      for (const { subject, data } of messages) await link.jetstream.publish(subject, data)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
