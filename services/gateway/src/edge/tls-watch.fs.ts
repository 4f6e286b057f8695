import { X509Certificate } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Log } from '@fluxgate/runtime'
import { readPair, type TlsPair } from './tls.fs.ts'

export interface TlsWatch extends Disposable {
  /** Why the files on disk are not in use, or undefined. */
  readonly fault: string | undefined
  /** When the certificate in use expires, in milliseconds of the epoch. */
  readonly expiresMs: number
  /** Pairs taken into use, and pairs that could not be, since the start. */
  readonly renewals: number
  readonly failures: number
}

export interface TlsWatchOptions {
  readonly files: { readonly certPath: string; readonly keyPath: string }
  /** The pair in use. */
  readonly pair: TlsPair
  readonly renew: (pair: TlsPair) => void
  readonly log: Pick<Log, 'info' | 'error' | 'warn'>
  readonly pollMs?: number
}

/** Changes come in several steps (two files, or a link that is swapped): look when they have settled. */
const SETTLE_MS = 100
/** Some file systems tell nothing of changes. */
const POLL_MS = 10_000

/**
 * Takes a changed certificate and key into use for new connections. A pair that cannot be read or does not fit together
 * leaves the old one in use, and says so once, in `fault` for as long as it lasts.
 */
export function watchTls({ files, pair, renew, log, pollMs = POLL_MS }: TlsWatchOptions): TlsWatch {
  const state = {
    fault: undefined as string | undefined,
    expiresMs: expiryOf(pair),
    renewals: 0,
    failures: 0,
  }
  let current = pair
  let looking = false
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      const found = await readPair(files.certPath, files.keyPath)
      if (found.cert !== current.cert || found.key !== current.key) {
        createSecureContext(found)
        const expiresMs = expiryOf(found)
        renew(found)
        current = found
        Object.assign(state, { expiresMs, renewals: state.renewals + 1 })
        log.info({ expires: new Date(expiresMs).toISOString() }, 'the TLS certificate was renewed')
      }
      state.fault = undefined
    } catch (error) {
      const { message } = error as Error
      if (message !== state.fault) {
        state.failures++
        log.error({ err: error }, 'the changed TLS files cannot be used; the old certificate stays')
      }
      state.fault = message
    } finally {
      looking = false
    }
  }
  let settling: NodeJS.Timeout | undefined
  const onChange = (): void => {
    clearTimeout(settling)
    settling = setTimeout(look, SETTLE_MS)
  }
  const watchers = watchersOf(files, onChange, log)
  const timer = setInterval(look, pollMs)
  timer.unref()
  return {
    get fault() {
      return state.fault
    },
    get expiresMs() {
      return state.expiresMs
    },
    get renewals() {
      return state.renewals
    },
    get failures() {
      return state.failures
    },
    [Symbol.dispose]() {
      clearTimeout(settling)
      clearInterval(timer)
      for (const watcher of watchers) watcher.close()
    },
  }
}

/** Directories are watched, not files: a renewed file is a new one under the old name. */
function watchersOf(
  { certPath, keyPath }: TlsWatchOptions['files'],
  onChange: () => void,
  log: TlsWatchOptions['log'],
): FSWatcher[] {
  return [...new Set([dirname(certPath), dirname(keyPath)])].flatMap(directory => {
    try {
      const watcher = watch(directory, { persistent: false }, onChange)
      watcher.on('error', error => log.warn({ err: error }, 'TLS files are looked at by time only'))
      return [watcher]
    } catch (error) {
      log.warn({ err: error }, 'TLS files are looked at by time only')
      return []
    }
  })
}

function expiryOf({ cert }: TlsPair): number {
  return Date.parse(new X509Certificate(cert).validTo)
}
