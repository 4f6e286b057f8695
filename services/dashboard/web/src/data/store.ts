import { useEffect, useState } from 'preact/hooks'

/** A value that many parts look at. */
export interface Store<T> {
  get(): T
  set(next: T): void
  subscribe(listener: () => void): () => void
}

export function createStore<T>(initial: T): Store<T> {
  const listeners = new Set<() => void>()
  let value = initial
  return {
    get: () => value,
    set: next => {
      if (Object.is(next, value)) return
      value = next
      for (const listener of [...listeners]) listener()
    },
    subscribe: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Draws again only when what `select` takes from the store is another value. */
export function useStore<T, S>(store: Store<T>, select: (value: T) => S): S {
  const [, redraw] = useState(0)
  const selected = select(store.get())
  useEffect(() => {
    let seen = selected
    const look = () => {
      const now = select(store.get())
      if (Object.is(now, seen)) return
      seen = now
      redraw(count => count + 1)
    }
    look()
    return store.subscribe(look)
  }, [store])
  return selected
}
