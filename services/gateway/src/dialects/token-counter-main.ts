import { parentPort } from 'node:worker_threads'
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import type { Counted, CountRequest } from './count.ts'
import { counted } from './counted.ts'
import type { CounterSaid, CountJob } from './token-counter-job.ts'

/** The thread that counts. Names of special tokens in a text are text: callers can write them. */
const TEXT_ONLY = { disallowedSpecial: new Set<string>() }
const port = parentPort
if (!port) throw new Error('token-counter-main.ts runs as a worker thread')

// Tables are built at the first use.
countTokens('ready')
const say = (said: CounterSaid) => port.postMessage(said)
say('ready')
port.on('message', (job: CountJob) => {
  const untilMs = performance.now() + job.limitMs
  const isLate = () => performance.now() > untilMs
  const { dialect, body, answer } = job
  const ask = {
    dialect,
    body: body && bufferOf(body),
    answer: answer && { form: answer.form, bytes: bufferOf(answer.bytes) },
  }
  say(countOf(ask, isLate))
})

/** Undefined when it cannot be counted, whatever the reason: the call is then estimated, and the next one is counted. */
function countOf(ask: CountRequest, isLate: () => boolean): Counted | undefined {
  try {
    return counted(ask, text => countTokens(text, TEXT_ONLY), isLate)
  } catch {
    return undefined
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}
