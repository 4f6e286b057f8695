import type { FastifyReply } from 'fastify'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // Reverse proxies would buffer the frames.
  'x-accel-buffering': 'no',
}

/** Begins a response of Server-Sent Events. From here on `reply.raw` is the caller's, and errors end it alone. */
export function beginEventStream(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.headers(HEADERS).getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  reply.hijack()
  reply.raw.writeHead(200)
}

/**
 * Repeats an action until the returned function is called.
 * @param onError gets what the action throws: it ends what the action is done for, and not the process
 */
export function every(
  ms: number,
  action: () => Promise<void>,
  onError: (error: unknown) => void,
): () => void {
  const timer = setInterval(() => void action().catch(onError), ms)
  return () => clearInterval(timer)
}
