import type { Writable } from 'node:stream'
import type { LinkLog } from '@fluxgate/nats'
import type { Screen } from './command.ts'
import { plain } from './paint.ts'

/** Lines on standard output, as fast as its reader takes them, and notices on standard error. */
export function openScreen(output: Writable, errors: Writable, gone: () => void): Screen {
  let open = true
  const close = () => {
    open = false
    gone()
  }
  // `| head` closes its end when it has seen enough: that is no fault of anybody's.
  output.once('error', close)
  return {
    async line(text) {
      if (!open || output.write(`${text}\n`)) return
      await roomIn(output)
    },
    notice: text => void errors.write(`forensics: ${plain(text)}\n`),
  }
}

function roomIn(output: Writable): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      output.off('drain', done)
      output.off('close', done)
      resolve()
    }
    output.on('drain', done)
    output.on('close', done)
  })
}

/** What the connection says, for a person. */
export function screenLog(screen: Screen): LinkLog {
  const say = (fields: object, message: string) => {
    const { err, error = err } = fields as { err?: unknown; error?: unknown }
    const reason = error instanceof Error ? error.message : typeof error === 'string' ? error : ''
    screen.notice(reason === '' ? message : `${message}: ${reason}`)
  }
  return { info: say, warn: say, error: say }
}
