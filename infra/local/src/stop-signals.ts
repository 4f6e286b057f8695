/** npm and the terminal may each pass one Ctrl-C on; a person's second one comes later than this. */
const SAME_PRESS_MS = 300
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface StopSignals {
  /** Resolves with the first signal, or when the process that started this one is gone. */
  readonly first: Promise<string>
  /** Listens no more, and lets the process end. */
  close(): void
}

/** `again` is called when someone asks a second time. */
export function listenForStop(again: () => void): StopSignals {
  const { promise, resolve } = Promise.withResolvers<string>()
  let firstMs: number | undefined
  const onSignal = (signal: string) => {
    const nowMs = performance.now()
    firstMs ??= nowMs
    if (nowMs - firstMs > SAME_PRESS_MS) again()
    resolve(signal)
  }
  const onDisconnect = () => resolve('disconnect')
  for (const signal of SIGNALS) process.on(signal, onSignal)
  process.on('disconnect', onDisconnect)
  return {
    first: promise,
    close() {
      for (const signal of SIGNALS) process.off(signal, onSignal)
      process.off('disconnect', onDisconnect)
      if (process.connected) process.disconnect()
    },
  }
}
