import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { NatsLink } from '@fluxgate/nats'
import { BackupFault, type StreamBackup } from './manifest.ts'
import { CHUNK_BYTES } from './snapshot.ts'

const REQUEST_LIMIT_MS = 30_000
/** Unpacking and building the index of a large stream take long. */
const FINISH_LIMIT_MS = 3_600_000
/** Chunks sent and not answered yet. */
const WINDOW_CHUNKS = 8
const STREAM_NOT_FOUND = 404

interface ApiError {
  readonly code?: number
  readonly description?: string
}

export interface StreamState {
  /** The server's word for it, RFC 3339. A restored stream has another than the one that was saved, from 2.11 on. */
  readonly created: string
  readonly messages: number
  readonly lastSequence: number
}

/** Undefined when there is no such stream. */
export async function stateOf(link: NatsLink, stream: string): Promise<StreamState | undefined> {
  const { error, created, state } = await ask<{
    created: string
    state: { messages: number; last_seq: number }
  }>(link, `$JS.API.STREAM.INFO.${stream}`)
  if (error?.code === STREAM_NOT_FOUND) return undefined
  if (error) throw new BackupFault(`${stream}: ${error.description}`)
  return { created, messages: state.messages, lastSequence: state.last_seq }
}

export async function deleteStream(link: NatsLink, stream: string): Promise<void> {
  const { error } = await ask(link, `$JS.API.STREAM.DELETE.${stream}`)
  if (error) throw new BackupFault(`${stream} cannot be deleted: ${error.description}`)
}

/**
 * Puts one stream back, with its sequences and durable consumers; no stream of its name may be there. The server names
 * a subject for the chunks and answers each by an empty message; after an empty chunk it unpacks them and tells the state.
 * @param replicas other than those it had, as on a cluster of another size
 */
export async function restoreStream(
  link: NatsLink,
  backup: StreamBackup,
  folder: string,
  replicas: number | undefined,
): Promise<StreamState> {
  const { stream, state } = backup
  const config = replicas === undefined ? backup.config : { ...backup.config, num_replicas: replicas }
  const begun = await ask<{ deliver_subject: string }>(link, `$JS.API.STREAM.RESTORE.${stream}`, {
    config,
    state,
  })
  if (begun.error) throw new BackupFault(`${stream} is not taken: ${begun.error.description}`)

  const send = async (chunk: Uint8Array): Promise<void> => {
    const answer = await link.connection.request(begun.deliver_subject, chunk, { timeout: REQUEST_LIMIT_MS })
    if (answer.data.length > 0)
      throw new BackupFault(`${stream} is refused: ${answer.string().slice(0, 500)}`)
  }
  const sent: Promise<void>[] = []
  try {
    for await (const chunk of createReadStream(join(folder, backup.file), { highWaterMark: CHUNK_BYTES })) {
      sent.push(send(chunk as Buffer))
      if (sent.length >= WINDOW_CHUNKS) await sent.shift()
    }
    await Promise.all(sent)
  } catch (error) {
    // The others fail with it, and say nothing more.
    void Promise.allSettled(sent)
    throw error
  }
  const finished = await link.connection.request(begun.deliver_subject, undefined, {
    timeout: FINISH_LIMIT_MS,
  })
  const { error } = finished.json<{ error?: ApiError }>()
  if (error) throw new BackupFault(`${stream} is not restored: ${error.description}`)
  const restored = await stateOf(link, stream)
  if (!restored) throw new BackupFault(`${stream} was restored and is gone again`)
  return restored
}

async function ask<T>(link: NatsLink, subject: string, body?: object): Promise<T & { error?: ApiError }> {
  const answer = await link.connection.request(subject, body && JSON.stringify(body), {
    timeout: REQUEST_LIMIT_MS,
  })
  return answer.json<T & { error?: ApiError }>()
}
