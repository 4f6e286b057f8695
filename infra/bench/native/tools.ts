import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@fluxgate/testing'
import { type Process, startProcess } from '../proxy/process.ts'

const run = promisify(execFile)

/** What a generator used itself, and saw. */
interface Reported {
  readonly errors: number
  readonly p50Micros: number
  readonly p99Micros: number
  readonly maxMicros: number
  readonly cpuMs: number
}

export interface StreamsRead extends Reported {
  readonly streams: number
  /** Streams that came to their end with all their chunks. */
  readonly complete: number
  readonly chunks: number
  readonly wallMs: number
}

export interface OpenLoop extends Reported {
  readonly requests: number
  /** How late the generator itself was at the 99th percentile. */
  readonly lateMicros: number
}

interface Call {
  readonly port: number
  readonly authorization: string
}

const PATH = '/v1/chat/completions'

/** The generators that are compiled here when they are needed: what Debian's packages have cannot do these. */
export interface NativeTools {
  /** A model server that streams: `max_tokens` chunks, so many a second, each with the moment of its sending. */
  startSource(chunksPerSecond: number): Promise<Process & { readonly port: number }>
  readStreams(call: Call & { readonly streams: number; readonly chunks: number }): Promise<StreamsRead>
  /** Requests by a plan that does not wait for answers. */
  openLoop(
    call: Call & { readonly body: string; readonly perSecond: number; readonly seconds: number },
  ): Promise<OpenLoop>
}

const OPEN_LOOP_CONNECTIONS = 64
const WARM_UP_SECONDS = 1

/** Compiled into the directory; needs `gcc`. */
export async function compileTools(directory: string): Promise<NativeTools> {
  const file = async (name: string) => {
    const program = join(directory, name)
    await run('gcc', ['-O2', '-o', program, join(import.meta.dirname, `${name}.c`)])
    return program
  }
  const [source, reader, openLoop] = await Promise.all([
    file('sse-source'),
    file('sse-reader'),
    file('open-loop'),
  ])
  return {
    async startSource(chunksPerSecond) {
      const port = await freePort()
      return { ...(await startProcess(source, [String(port), String(chunksPerSecond)], port)), port }
    },
    async readStreams({ port, authorization, streams, chunks }) {
      const messages = [{ role: 'user', content: 'Tell everybody who reads this benchmark a long story.' }]
      const body = JSON.stringify({ model: 'bench', max_tokens: chunks, stream: true, messages })
      const args = [String(port), PATH, authorization, body, String(streams), String(chunks)]
      return JSON.parse((await run(reader, args)).stdout) as StreamsRead
    },
    async openLoop({ port, authorization, body, perSecond, seconds }) {
      const numbers = [perSecond, seconds, WARM_UP_SECONDS, OPEN_LOOP_CONNECTIONS].map(String)
      const { stdout } = await run(openLoop, [String(port), PATH, authorization, body, ...numbers])
      return JSON.parse(stdout) as OpenLoop
    },
  }
}
