import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { NatsLink } from '@fluxgate/nats'
import { BackupFault, type StreamBackup } from './manifest.ts'

export const CHUNK_BYTES = 128 * 1024
/** Nothing came for so long: the server is gone, or its disk hangs. */
const STALL_LIMIT_MS = 30_000
const REQUEST_LIMIT_MS = 30_000
const STATUS_NO_CONTENT = 204

interface SnapshotReply {
  readonly error?: { readonly description?: string; readonly code?: number }
  readonly config: Record<string, unknown>
  readonly state: { readonly messages: number; readonly last_seq: number } & Record<string, unknown>
}

/**
 * Writes one stream with its sequences and durable consumers as the server packs it (a tar, compressed by S2). The
 * server sends chunks, each to be acknowledged by an empty answer, and at last an empty message (ADR-1 of JetStream's
 * architecture; `$JS.API.STREAM.SNAPSHOT`). An acknowledgement follows the write, so that a slow disk slows the server.
 */
export async function backUpStream(link: NatsLink, stream: string, folder: string): Promise<StreamBackup> {
  const { connection } = link
  const file = `${stream}.tar.s2`
  await using handle = await open(join(folder, file), 'wx', 0o600)
  const inbox = link.newInbox()
  const chunks = connection.subscribe(inbox)
  let fault: string | undefined
  const giveUp = (why: string) => {
    fault ??= why
    chunks.unsubscribe()
  }
  // What was sent while nobody listened would be missing in the middle.
  const forget = link.onDisconnect(() => giveUp('the connection broke'))
  let stalled = setTimeout(giveUp, STALL_LIMIT_MS, 'the server sends nothing')
  try {
    const asked = { deliver_subject: inbox, no_consumers: false, jsck: false, chunk_size: CHUNK_BYTES }
    const reply = await connection.request(`$JS.API.STREAM.SNAPSHOT.${stream}`, JSON.stringify(asked), {
      timeout: REQUEST_LIMIT_MS,
    })
    const { error, config, state } = reply.json<SnapshotReply>()
    if (error) throw new BackupFault(`${stream} is not given out: ${error.description ?? error.code}`)

    const hash = createHash('sha256')
    let bytes = 0
    let index = 0
    let isWhole = false
    for await (const chunk of chunks) {
      clearTimeout(stalled)
      if (chunk.data.length === 0) {
        const code = chunk.headers?.code ?? 0
        isWhole = code === 0 || code === STATUS_NO_CONTENT
        if (!isWhole) fault = `${code} ${chunk.headers?.description}`
        break
      }
      // The place of each chunk ends the subject of its answer; only the very last one asks for none.
      if (chunk.reply && Number(chunk.reply.split('.').at(-1)) !== ++index) {
        giveUp('a part was lost on the way')
        break
      }
      await handle.write(chunk.data)
      hash.update(chunk.data)
      bytes += chunk.data.length
      chunk.respond()
      stalled = setTimeout(giveUp, STALL_LIMIT_MS, 'the server sends nothing')
    }
    if (!isWhole)
      throw new BackupFault(`${stream} came in part only: ${fault ?? 'the connection was closed'}`)
    await handle.sync()
    return {
      stream,
      file,
      bytes,
      sha256: hash.digest('hex'),
      messages: state.messages,
      lastSequence: state.last_seq,
      config,
      state,
    }
  } finally {
    clearTimeout(stalled)
    forget()
    chunks.unsubscribe()
  }
}
