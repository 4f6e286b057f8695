import { useEffect, useState } from 'preact/hooks'

/**
 * The server's time, since countdowns are its. Each answer that names its time arrives a little late, so the largest
 * difference seen is nearest to the truth.
 */
let offsetMs: number | undefined

export function syncServerTime(serverMs: number): void {
  const difference = serverMs - Date.now()
  if (offsetMs === undefined || difference > offsetMs) offsetMs = difference
}

/** A new connection may be to another server. */
export function forgetServerTime(): void {
  offsetMs = undefined
}

export function serverNow(): number {
  return Date.now() + (offsetMs ?? 0)
}

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

/** The server's time, told once a second to all who ask for it. */
export function useNow(): number {
  const [now, setNow] = useState(serverNow)
  useEffect(() => {
    const listener = () => setNow(serverNow())
    listeners.add(listener)
    timer ??= setInterval(() => {
      for (const each of listeners) each()
    }, 1_000)
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      clearInterval(timer)
      timer = undefined
    }
  }, [])
  return now
}
