import { type Charge, MODEL, MODELS, ROUTES, type Route } from './route-table.ts'

/** What a method of a path is here. */
export type Match =
  | { readonly kind: 'route'; readonly route: Route }
  /** The path is served by another method. `allow`: the value of that header (RFC 9110 section 10.2.1). */
  | { readonly kind: 'method'; readonly allow: string }
  | { readonly kind: 'unknown' }

export interface Routes {
  match(method: string, path: string): Match
  /** The value of `Allow`; undefined for a path that is not served. */
  allowed(path: string): string | undefined
}

const UNKNOWN: Match = Object.freeze({ kind: 'unknown' })
const MODEL_PREFIX = `${MODELS}/`

/**
 * A matcher of the table and of the routes that an operator adds (`EXTRA_ROUTES`). Throws when one of these is in the
 * table.
 */
export function routesOf(extra: readonly Pick<Route, 'method' | 'path'>[] = []): Routes {
  const byPath = new Map<string, { byMethod: Map<string, Match>; allow: string; wrong: Match }>()
  for (const route of [...ROUTES, ...extra.map(({ method, path }) => addedRoute(method, path))]) {
    const match: Match = Object.freeze({ kind: 'route', route })
    // HEAD is GET without the answer's body (RFC 9110 section 9.3.2).
    const allow = route.method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS'
    const byMethod = new Map([[route.method as string, match]])
    if (route.method === 'GET') byMethod.set('HEAD', match)
    byPath.set(route.path, { byMethod, allow, wrong: Object.freeze({ kind: 'method', allow }) })
  }
  const pathOf = (path: string) =>
    byPath.get(path.startsWith(MODEL_PREFIX) && path.length > MODEL_PREFIX.length ? MODEL : path)
  return {
    match(method, path) {
      const found = path === MODEL ? undefined : pathOf(path)
      return found ? (found.byMethod.get(method) ?? found.wrong) : UNKNOWN
    },
    allowed: path => pathOf(path)?.allow,
  }
}

const STANDARD = routesOf()

/** The route of a call of the standard table; undefined where it has none. */
export function routeOf(method: string, path: string): Route | undefined {
  const match = STANDARD.match(method, path)
  return match.kind === 'route' ? match.route : undefined
}

function addedRoute(method: Route['method'], path: string): Route {
  if (ROUTES.some(route => route.path === path))
    throw new Error(`EXTRA_ROUTES: "${method} ${path}" is in the table of routes already`)
  const charge: Charge = method === 'POST' ? 'generation' : 'request'
  return Object.freeze({
    method,
    path,
    dialect: path.startsWith('/api/') ? 'ollama' : 'openai',
    charge,
    asksForUsage: false,
    body: method === 'POST' ? 'optional' : 'none',
    // What it does upstream is not known here.
    repeatable: method === 'GET',
  })
}
