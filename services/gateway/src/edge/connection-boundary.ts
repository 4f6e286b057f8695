/** Hears of a throw that ended a connection. */
export type OnError = (error: unknown) => void

interface Destroyable {
  destroy(): unknown
}

/** The boundary of tests: what a connection throws is uncaught, as it would be without one. */
export const uncaught: OnError = error => {
  throw error
}

/**
 * The error boundary of one connection. What runs in a callback of its socket, its h2 session or a timer is no part of a
 * request: a throw there ends this connection, and neither its neighbours nor the process.
 */
export function enterConnection(onError: OnError, connection: Destroyable, run: () => void): void {
  try {
    run()
  } catch (error) {
    try {
      connection.destroy()
    } finally {
      onError(error)
    }
  }
}

/** A listener of that connection's events. */
export function guarded<A extends unknown[]>(
  onError: OnError,
  connection: Destroyable,
  run: (...args: A) => void,
): (...args: A) => void {
  return (...args) => enterConnection(onError, connection, () => run(...args))
}
