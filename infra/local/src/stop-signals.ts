/** npm and the terminal may each pass one Ctrl-C on; a person's second one comes later than this. */
const SAME_PRESS_MS = 300
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface StopSignals {
  /** Resolves with the first signal, or when the process that started this one is gone. */
  readonly first: Promise<string>
}

/** `again` is called when someone asks a second time. */
export function listenForStop(again: () => void): StopSignals {
  let firstMs: number | undefined
  const first = new Promise<string>(resolve => {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        const nowMs = performance.now()
        firstMs ??= nowMs
        if (nowMs - firstMs > SAME_PRESS_MS) again()
        resolve(signal)
      })
    }
    process.once('disconnect', () => {
      firstMs ??= performance.now()
      resolve('disconnect')
    })
  })
  return { first }
}
