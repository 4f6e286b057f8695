import { refused } from '../http/index.ts'

const LIMIT_MS = 5_500
const RETRY_MS = 2_000

export const UNCONFIRMED = refused(
  'unavailable',
  'The event log has not confirmed it in time. Look again before you repeat it.',
  RETRY_MS,
).fault

class OrderLate extends Error {
  readonly code = 'FLUXGATE_ORDER_LATE'
}

/** An order waits for the log, but not for ever; it may still be carried out when the log is back. */
export async function inTime<T>(order: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new OrderLate(`the log has not confirmed an order within ${limitMs} ms`)),
      limitMs,
    )
  })
  try {
    return await Promise.race([order, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Whether the log, rather than this node, is at fault. */
export function isUnconfirmed(error: Error): boolean {
  return error instanceof OrderLate || error.name === 'NatsError'
}
