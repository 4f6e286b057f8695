import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiError, get } from './api.ts'

export interface Resource<T> {
  /** The last good answer; stays while a newer one is awaited or fails. */
  readonly data: T | undefined
  /** Why the last attempt failed. */
  readonly error: ApiError | undefined
  readonly reload: () => void
}

export interface ResourceOptions {
  readonly everyMs?: number
  /** When it changes the resource is asked for again. */
  readonly version?: number
}

const AFTER_CHANGE_MS = 150

/** The answer of a GET, kept fresh while the page can be seen. Another path forgets the answer of the one before. */
export function useResource<T>(path: string, { everyMs, version = 0 }: ResourceOptions = {}): Resource<T> {
  const [answer, setAnswer] = useState<{ path: string; data?: T; error?: ApiError }>({ path })
  const [asked, setAsked] = useState(0)
  const lastVersion = useRef(version)

  useEffect(() => {
    const abort = new AbortController()
    const ask = async () => {
      const result = await get<T>(path, abort.signal)
      if (abort.signal.aborted) return
      setAnswer(before => {
        if (result.ok) return { path, data: result.value }
        return before.path === path ? { ...before, error: result.error } : { path, error: result.error }
      })
    }
    // A burst of facts is one reason to look, not many.
    const changed = lastVersion.current !== version
    lastVersion.current = version
    const first = setTimeout(() => void ask(), changed ? AFTER_CHANGE_MS : 0)
    const timer = everyMs && setInterval(() => document.visibilityState === 'visible' && void ask(), everyMs)
    return () => {
      abort.abort()
      clearTimeout(first)
      clearInterval(timer)
    }
  }, [path, asked, version, everyMs])

  const mine = answer.path === path ? answer : undefined
  return { data: mine?.data, error: mine?.error, reload: () => setAsked(count => count + 1) }
}
