import { createStore, useStore } from '../data/index.ts'

/** Where the page is: the address bar is the one place that says so, and every view can be linked to. */
export interface Route {
  readonly path: string
  readonly query: URLSearchParams
}

const current = createStore<Route>(here())

function here(): Route {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}

/** Begins to follow the address bar, and takes clicks on links of this page. */
export function followAddress(): void {
  addEventListener('popstate', () => current.set(here()))
  document.addEventListener('click', event => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
    if (!link || !plain || link.target !== '' || link.origin !== location.origin) return
    if (link.hasAttribute('download') || link.hash !== '') return
    event.preventDefault()
    navigate(link.pathname + link.search)
  })
}

export function navigate(to: string, { replace = false } = {}): void {
  if (to === location.pathname + location.search) return
  const movesOn = URL.parse(to, location.href)?.pathname !== location.pathname
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  current.set(here())
  if (movesOn) scrollTo(0, 0)
}

export function useRoute(): Route {
  return useStore(current, it => it)
}

/** `/incidents/:id` and `/incidents/inc_1` → `{ id: 'inc_1' }`; undefined when the path is another one. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const parts = path.replace(/\/$/, '').split('/')
  if (pattern === '/') return path === '/' ? {} : undefined
  if (wanted.length !== parts.length) return undefined
  const found: Record<string, string> = {}
  for (const [i, want] of wanted.entries()) {
    const part = parts[i]!
    if (want.startsWith(':')) found[want.slice(1)] = decodeURIComponent(part)
    else if (want !== part) return undefined
  }
  return found
}
