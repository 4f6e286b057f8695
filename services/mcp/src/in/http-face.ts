import { setTimeout as sleep } from 'node:timers/promises'
import { buildHttp, type HttpParts } from './http.ts'

export interface HttpFace extends AsyncDisposable {
  readonly port: number
}

/** Answers that run when the face stops may take this long to reach their clients. */
const CLOSE_LIMIT_MS = 5_000
const CLOSE_POLL_MS = 50

export async function startHttp(
  { host, port }: { host: string; port: number },
  parts: HttpParts,
): Promise<HttpFace> {
  const app = buildHttp(parts)
  await app.listen({ host, port })
  const bound = app.server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    async [Symbol.asyncDispose]() {
      let closed = false
      const closing = app.close().finally(() => {
        closed = true
      })
      const deadlineMs = performance.now() + CLOSE_LIMIT_MS
      while (!closed) {
        // A connection whose answer has just ended would wait for another request.
        if (performance.now() < deadlineMs) app.server.closeIdleConnections()
        else app.server.closeAllConnections()
        await Promise.race([closing, sleep(CLOSE_POLL_MS)])
      }
      await closing
    },
  }
}
